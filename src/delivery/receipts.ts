import type { Context } from '../context.ts'
import { applyMessageReceipt } from '../messaging/messages/progress.ts'
import { sidPlacement } from '../storage/sid.ts'
import type { Tx } from '../storage/storage.ts'
import type { Attempt, MessageStatus } from '../verify/attempts/attempt.ts'
import { takeQueued, updateMessageStatus } from '../verify/attempts/store.ts'
import type { Receipt } from './provider.ts'
import { raiseSendAlert } from './send-alert.ts'
import { bindReceiptKey, parkReceipt, type ReceiptKey, updateHandover } from './store.ts'

// States only move forward, and `delivered` wins over a late `undelivered`.
const RANK: Record<MessageStatus, number> = {
  queued: 0,
  sent: 1,
  undelivered: 2,
  failed: 2,
  canceled: 2,
  delivered: 3,
}

/** For a receipt that names no reason of its own: "unknown error" in the API's numbering. */
export const UNKNOWN_ERROR = '30008'

export const receiptKey = (ctx: Context, provider: string, messageId: string): ReceiptKey => ({
  placement: ctx.placementOf('receipt', provider, messageId),
  provider,
  messageId,
})

/** Keeps a delivery receipt. One that comes before we know whose it is waits under its key. */
export async function recordReceipt(ctx: Context, receipt: Receipt): Promise<void> {
  const key = receiptKey(ctx, receipt.providerId, receipt.messageId)
  await ctx.storage.system.write(async (tx) => {
    const bound = await parkReceipt(tx, key, receipt, ctx.clock.now())
    if (bound?.attempt_sid) await applyReceipt(ctx, tx, bound.attempt_sid, receipt)
  })
}

/**
 * Binds a message id to what was sent; gives back a receipt that came too early. Before the row of that is touched,
 * as a receipt does: rows are locked in one order.
 */
export async function bindReceipts(
  ctx: Context,
  tx: Tx,
  sid: string,
  providerId: string,
  messageId: string,
): Promise<Receipt | undefined> {
  const key = receiptKey(ctx, providerId, messageId)
  const bound = await bindReceiptKey(tx, key, sid, ctx.clock.now())
  if (!bound?.state) return undefined
  return { providerId, messageId, state: bound.state, ...(bound.code && { code: bound.code }) }
}

/** Tells an attempt, or a message that a program wrote, what a receipt says of one of its hand-overs. */
export async function applyReceipt(ctx: Context, tx: Tx, sid: string, receipt: Receipt): Promise<void> {
  if (sid.startsWith('SM')) return applyMessageReceipt(ctx, tx, sid, receipt)
  const attempt = await takeQueued(tx, sidPlacement(sid), sid, ctx.storage.forUpdate)
  if (!attempt) return
  await updateHandover(tx, attempt, receipt.messageId, receipt)
  if (RANK[receipt.state] <= RANK[attempt.status]) return
  const arrived = receipt.state === 'delivered' || receipt.state === 'sent'
  const next: Attempt = {
    ...attempt,
    status: receipt.state,
    errorCode: arrived ? null : UNKNOWN_ERROR,
    dueAtMs: receipt.state === 'delivered' ? null : attempt.dueAtMs,
    updatedAtMs: ctx.clock.now(),
  }
  await updateMessageStatus(tx, next)
  // Counted in memory: a unit that is rolled back after this is told once too often.
  if (!arrived) raiseSendAlert(ctx, next, receipt.code)
}
