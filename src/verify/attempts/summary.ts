import type { Context } from '../../context.ts'
import { readProgress, writeProgress } from '../../storage/progress.ts'
import { LONGEST_CODE_LIFE_MS, type Tally } from './attempt.ts'
import {
  type AttemptFilter,
  countAttempts,
  countHours,
  firstCreatedAtMs,
  foldHour,
  HOUR_MS,
  PREFIX_LENGTH,
} from './store.ts'

const JOB = 'fold attempts'

const add = (a: Tally, b: Tally): Tally => ({
  total: a.total + b.total,
  converted: a.converted + b.converted,
})

/** Attempts and conversions: whole hours from what is folded, the rest counted one by one. */
export async function summarize(ctx: Context, accountSid: string, filter: AttemptFilter): Promise<Tally> {
  const { scan, read } = ctx.storage
  const fromMs = filter.createdAfterMs ?? 0
  const toMs = filter.createdBeforeMs ?? ctx.clock.now() + 1
  const count = (createdAfterMs: number, createdBeforeMs: number) =>
    countAttempts(scan, accountSid, { ...filter, createdAfterMs, createdBeforeMs })
  const folded = Number((await readProgress(read, JOB, accountSid)) ?? 0)
  const firstHour = Math.ceil(fromMs / HOUR_MS)
  const endHour = Math.min(folded, Math.floor(toMs / HOUR_MS))
  // The hours do not tell longer prefixes apart.
  if (firstHour >= endHour || (filter.prefix?.length ?? 0) > PREFIX_LENGTH) return count(fromMs, toMs)
  const [hours, before, after] = await Promise.all([
    countHours(scan, accountSid, firstHour, endHour, filter),
    count(fromMs, firstHour * HOUR_MS),
    count(endHour * HOUR_MS, toMs),
  ])
  return add(hours, add(before, after))
}

/**
 * Folds an account's hours in which nothing can convert any more, one hour a unit of work. Resolves to the time up to
 * which they are folded.
 */
export async function foldAttempts({ storage, clock }: Context, accountSid: string): Promise<number> {
  const { system } = storage
  const endHour = Math.floor((clock.now() - LONGEST_CODE_LIFE_MS) / HOUR_MS)
  for (;;) {
    const reached = Number((await readProgress(system.read, JOB, accountSid)) ?? 0)
    const next = await firstCreatedAtMs(system.read, accountSid, reached * HOUR_MS)
    // Hours without attempts are passed over.
    const hour = Math.min(next === undefined ? endHour : Math.floor(next / HOUR_MS), endHour)
    if (reached >= endHour) return reached * HOUR_MS
    await system.write(async (tx) => {
      if (hour < endHour) await foldHour(tx, accountSid, hour)
      await writeProgress(tx, JOB, accountSid, String(Math.min(hour + 1, endHour)))
    })
  }
}
