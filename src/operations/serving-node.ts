import { hostname } from 'node:os'
import { complainSparingly } from '../complaint.ts'
import type { Context } from '../context.ts'
import {
  FENCED_AFTER_MS,
  listLiveNodes,
  REPORT_EVERY_MS,
  RESEAL_JOB,
  removeNode,
  reportNode,
} from '../storage/nodes.ts'
import { readProgress, writeProgress } from '../storage/progress.ts'
import { resealColumn } from '../storage/reseal.ts'
import { sealedColumns } from './sealed-columns.ts'

/** This process among those that share the database, as far as the master keys go. */
export interface ServingNode {
  /** From now on it counts as one that serves. Rejects if it lacks the key that seals. */
  start(): Promise<void>
  /** Takes up what changed of the master keys, and if it serves, tells the others what it has. */
  renew(): Promise<void>
  /** It serves, but could not report for so long that the others may retire the key that it seals with. */
  isFenced(): boolean
  close(): Promise<void>
}

/**
 * A node that serves reports each five seconds which master keys it has and takes up what changed of them; the first
 * one by its id seals anew what an older key has sealed. `reloadKeys` has the vault use the keys there are now. Without
 * a report for 25 seconds it seals nothing: the others take it for dead after 30, and may retire the key it seals with.
 */
export function openServingNode(ctx: Context, reloadKeys: () => Promise<void>): ServingNode {
  const { storage, clock } = ctx
  const id = ctx.random.bytes(4).toString('hex')
  const complain = complainSparingly(ctx, 'the report of this node failed; it will be made again')
  let state: 'new' | 'serving' | 'closed' = 'new'
  let cancel = () => {}
  let renewing: Promise<void> = Promise.resolve()
  let resealing: Promise<void> | undefined
  /** When the last report that was kept began. */
  let reportedAtMs = 0
  /** The key that all nodes sealed with at the last round. */
  let agreed: string | undefined

  async function report(): Promise<void> {
    const startedAtMs = clock.now()
    // Whatever could not be read, what this node holds and seals with is what it has in memory: it reports that.
    const [reloaded] = await Promise.allSettled([reloadKeys()])
    if (state === 'serving') {
      const { keyIds, activeKeyId } = ctx.vault
      await reportNode(storage, { id, host: hostname(), keyIds, activeKeyId })
      reportedAtMs = startedAtMs
    }
    if (reloaded.status === 'rejected') throw reloaded.reason
  }

  const isFenced = () => state === 'serving' && clock.now() - reportedAtMs > FENCED_AFTER_MS
  ctx.vault.fence(isFenced)

  async function round(): Promise<void> {
    await report()
    const { activeKeyId } = ctx.vault
    const nodes = await listLiveNodes(storage)
    const agree = nodes.every((node) => node.activeKeyId === activeKeyId)
    // The second time in a row: nothing that was sealed with the old key is still on its way to the database. One
    // node does it; if that dies, the next one goes on.
    if (agree && agreed === activeKeyId && nodes[0]?.id === id) resealing ??= reseal().finally(endResealing)
    agreed = agree ? activeKeyId : undefined
  }
  const endResealing = () => {
    resealing = undefined
  }

  async function reseal(): Promise<void> {
    const keyId = ctx.vault.activeKeyId
    const isOver = () => state === 'closed' || ctx.vault.activeKeyId !== keyId
    try {
      if ((await readProgress(storage.system.read, RESEAL_JOB, keyId)) !== undefined) return
      for (const column of sealedColumns(ctx)) {
        await resealColumn(storage, ctx.vault, column, ctx.placements, isOver)
      }
      if (isOver()) return
      await storage.system.write((tx) => writeProgress(tx, RESEAL_JOB, keyId, String(clock.now())))
    } catch (error) {
      ctx.log.error({ err: error }, 'sealing anew failed; it will be tried again')
    }
  }

  function repeat(): void {
    cancel = clock.after(REPORT_EVERY_MS, () => {
      renewing = renewing
        .then(round)
        .catch(complain)
        .finally(() => state === 'serving' && repeat())
    })
  }

  return {
    async start() {
      state = 'serving'
      reportedAtMs = clock.now()
      await report()
      // Another key may have been activated between the vault's opening and the report.
      await reloadKeys()
      ctx.vault.seal(Buffer.alloc(0), '')
      repeat()
    },
    renew: report,
    isFenced,
    async close() {
      const served = state === 'serving'
      state = 'closed'
      cancel()
      await renewing
      await resealing
      // If it fails the others count it as dead in half a minute.
      if (served) await removeNode(storage, id).catch(() => {})
    },
  }
}
