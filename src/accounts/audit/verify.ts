import type { Context } from '../../context.ts'
import { formatLink, genesis, type Link, nextLink, rowMac } from './audit.ts'
import { type ChainedEvent, listOpen, listSealed, readHead } from './store.ts'

const PAGE = 1_000
/** After so many nobody reads on. */
const MAX_PROBLEMS = 100

export interface Verdict {
  /** Events in the chain. */
  sealed: number
  /** Events that wait for their seal. */
  open: number
  head: string
  /** Empty where nothing is wrong; at most 100. */
  problems: string[]
}

/**
 * Computes the whole chain anew. Tells of events that were changed, put in or taken out, and of a chain that does not
 * hold `head`, which the operator kept: without one, nobody can tell that the newest events were cut off.
 */
export async function verifyAudit(ctx: Context, { head: kept }: { head?: Link } = {}): Promise<Verdict> {
  const { scan } = ctx.storage.system
  const problems: string[] = []
  const tell = (problem: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem)
  }
  // First, so that what is sealed meanwhile lies beyond it.
  const head = (await readHead(scan)) ?? genesis(ctx)
  let last = genesis(ctx)
  let hasKept = kept === undefined || isSame(last, kept)
  let sealed = 0
  walk: for (;;) {
    const page = await listSealed(scan, last.n, PAGE)
    for (const chained of page) {
      const stored = { n: chained.n ?? 0, mac: chained.mac ?? new Uint8Array() }
      if (stored.n > head.n) {
        // Sealed since the head was read, or put in.
        const newest = (await readHead(scan)) ?? head
        if (stored.n > newest.n) tell(`event ${nameOf(chained)} lies beyond the head`)
        break walk
      }
      checkOne(ctx, last, chained, tell)
      sealed++
      last = stored
      if (kept && isSame(stored, kept)) hasKept = true
    }
    if (page.length < PAGE) break
  }
  if (last.n < head.n) tell(`events ${last.n + 1} to ${head.n} are gone`)
  else if (!isSame(last, head)) tell('the head is not that of the newest event')
  if (kept && !hasKept) {
    tell(
      kept.n > head.n
        ? `the chain ends at ${head.n}, before the head that was kept (${kept.n}): events were cut off`
        : `event ${kept.n} is not the one of the head that was kept`,
    )
  }
  const open = await checkOpen(ctx, tell)
  return { sealed, open, head: formatLink(head), problems }
}

function checkOne(ctx: Context, last: Link, chained: ChainedEvent, tell: (problem: string) => void): void {
  const { event, n, mac } = chained
  const right = rowMac(ctx, event)
  const isNext = n === last.n + 1
  if (!isNext) tell(`events ${last.n + 1} to ${(n ?? 0) - 1} are gone`)
  if (!isEqual(right, chained.rowMac)) tell(`event ${nameOf(chained)} was changed or put in`)
  else if (isNext && !isEqual(nextLink(ctx, last, right).mac, mac ?? new Uint8Array()))
    tell(`event ${nameOf(chained)} does not follow the one before it`)
}

/** Those without a seal are not chained yet, but they are signed. Resolves to how many there are. */
async function checkOpen(ctx: Context, tell: (problem: string) => void): Promise<number> {
  let open = 0
  let after = ''
  for (;;) {
    const page = await listOpen(ctx.storage.system.scan, after, PAGE)
    for (const chained of page) {
      if (!isEqual(rowMac(ctx, chained.event), chained.rowMac))
        tell(`event ${nameOf(chained)} was changed or put in`)
    }
    open += page.length
    const end = page.at(-1)?.event
    if (!end || page.length < PAGE) return open
    after = end.sid
  }
}

const isEqual = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0
const isSame = (one: Link, other: Link) => one.n === other.n && isEqual(one.mac, other.mac)
const nameOf = ({ event, n }: ChainedEvent) => (n === null ? event.sid : `${n} (${event.sid})`)
