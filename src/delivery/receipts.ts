import type { Context } from '../context.ts'
import { sidPlacement } from '../storage/sid.ts'
import type { Tx } from '../storage/storage.ts'
import type { Attempt, MessageStatus } from '../verify/attempts/attempt.ts'
import { findQueued, updateMessageStatus } from '../verify/attempts/store.ts'
import type { Receipt } from './provider.ts'
import { raiseSendAlert } from './send-alert.ts'
import { bindReceiptKey, parkReceipt, type ReceiptKey, updateHandover } from './store.ts'

// States only move forward, and `delivered` wins over a late `undelivered`.
const RANK: Record<MessageStatus, number> = {
  queued: 0,
  sending: 1,
  sent: 2,
  undelivered: 3,
  failed: 3,
  canceled: 3,
  delivered: 4,
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

/** Binds a message id to its attempt, and applies a receipt that came too early. */
export async function bindReceipts(
  ctx: Context,
  tx: Tx,
  attempt: Attempt,
  provider: string,
  messageId: string,
) {
  const bound = await bindReceiptKey(tx, receiptKey(ctx, provider, messageId), attempt.sid, ctx.clock.now())
  if (!bound?.state) return
  const receipt: Receipt = {
    providerId: provider,
    messageId,
    state: bound.state,
    ...(bound.code && { code: bound.code }),
  }
  await applyReceipt(ctx, tx, attempt.sid, receipt)
}

async function applyReceipt(ctx: Context, tx: Tx, attemptSid: string, receipt: Receipt): Promise<void> {
  const attempt = await findQueued(tx, sidPlacement(attemptSid), attemptSid)
  if (!attempt) return
  await updateHandover(tx, attempt, receipt.messageId, receipt)
  if (RANK[receipt.state] <= RANK[attempt.status]) return
  const arrived = receipt.state === 'delivered' || receipt.state === 'sent'
  const next: Attempt = {
    ...attempt,
    status: receipt.state,
    errorCode: arrived ? null : UNKNOWN_ERROR,
    updatedAtMs: ctx.clock.now(),
  }
  await updateMessageStatus(tx, next)
  // Counted in memory: a unit that is rolled back after this is told once too often.
  if (!arrived) raiseSendAlert(ctx, next, receipt.code)
}
