import type { Context } from './context.ts'

const MINUTE_MS = 60_000

/**
 * Logs errors of work that is repeated for ever, and fails at each turn while the database is away: of each kind of
 * error the first, then one a minute, with how many were not told between them.
 */
export function complainSparingly(
  { clock, log }: Pick<Context, 'clock' | 'log'>,
  message: string,
): (error: unknown, fields?: object) => void {
  const kinds = new Map<string, { toldAtMs: number; untold: number }>()
  return (error, fields = {}) => {
    const kind = kindOf(error)
    const { toldAtMs, untold } = kinds.get(kind) ?? { toldAtMs: Number.NEGATIVE_INFINITY, untold: 0 }
    if (clock.now() - toldAtMs < MINUTE_MS) {
      kinds.set(kind, { toldAtMs, untold: untold + 1 })
      return
    }
    kinds.set(kind, { toldAtMs: clock.now(), untold: 0 })
    log.error({ ...fields, err: error, ...(untold > 0 && { untold }) }, message)
  }
}

/** Not by the message: it may name what nobody has named before, and there would be a kind for each. */
const kindOf = (error: unknown) =>
  error instanceof Error ? `${error.name} ${(error as NodeJS.ErrnoException).code ?? ''}` : typeof error
