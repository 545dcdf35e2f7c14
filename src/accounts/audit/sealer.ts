import type { Context } from '../../context.ts'
import { formatLink, genesis, type Link, nextLink } from './audit.ts'
import { insertHead, listUnsealed, moveHead, readHead, sealEvent } from './store.ts'

/** A transaction that is still open may hold an older event; it gets a later number. */
const SETTLE_MS = 2_000
const BITE = 500

/**
 * Numbers and chains the events that are older than 2 s, and writes the head of the chain to the log: the anchor
 * outside the database. Of nodes that do it at once, one wins each bite. With `all` also the newer ones: at the end of a
 * process, after which nobody may come to seal them. Resolves to how many this node sealed.
 */
export async function sealAudit(ctx: Context, { all = false } = {}): Promise<number> {
  let sealed = 0
  for (;;) {
    const bite = await sealBite(ctx, all ? 0 : SETTLE_MS)
    if (!bite) return sealed
    sealed += bite.count
    ctx.log.info({ audit_head: formatLink(bite.head) }, 'audit sealed')
    if (bite.count < BITE) return sealed
  }
}

/** Undefined where there is nothing to seal, or another node seals it. */
function sealBite(ctx: Context, settleMs: number): Promise<{ head: Link; count: number } | undefined> {
  const now = ctx.clock.now()
  return ctx.storage.system.write(async (tx) => {
    const from = (await readHead(tx)) ?? (await beginChain(ctx, tx, now))
    const rows = await listUnsealed(tx, now - settleMs, BITE)
    if (rows.length === 0) return undefined
    let head = from
    const links = rows.map(({ sid, row_mac }) => {
      head = nextLink(ctx, head, row_mac)
      return { sid, link: head }
    })
    if ((await moveHead(tx, from, head, now)) === 0) return undefined
    await Promise.all(links.map(({ sid, link }) => sealEvent(tx, sid, link)))
    return { head, count: rows.length }
  })
}

async function beginChain(ctx: Context, tx: Parameters<typeof insertHead>[0], nowMs: number): Promise<Link> {
  const first = genesis(ctx)
  await insertHead(tx, first, nowMs)
  return first
}
