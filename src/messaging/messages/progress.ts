import type { Context } from '../../context.ts'
import type { Receipt } from '../../delivery/provider.ts'
import { maskRecipient } from '../../log.ts'
import type { Tx } from '../../storage/storage.ts'
import type { Message, Status } from './message.ts'
import { settleMessage, takeMessage } from './store.ts'

export const API_VERSION = '2010-04-01'

// States only move forward, and `delivered` wins over a late `undelivered`.
const RANK: Record<Status, number> = {
  queued: 0,
  sending: 0,
  sent: 1,
  undelivered: 2,
  failed: 2,
  canceled: 2,
  received: 2,
  delivered: 3,
}

/** "Unknown error", in the API's numbering. */
const UNKNOWN_ERROR = '30008'

/** Queues the callback that tells of a message's status, in the unit that changes it. */
export async function tellStatus({ webhooks }: Context, tx: Tx, message: Message): Promise<void> {
  const { accountSid, sid, from, to, status, errorCode, callback } = message
  if (!callback) return
  await webhooks.add(tx, {
    accountSid,
    ...callback,
    form: {
      MessageSid: sid,
      SmsSid: sid,
      AccountSid: accountSid,
      From: from,
      To: to,
      MessageStatus: status,
      SmsStatus: status,
      ApiVersion: API_VERSION,
      ...(errorCode && { ErrorCode: errorCode }),
    },
  })
}

/** Tells a message what a receipt says of it. */
export async function applyMessageReceipt(
  ctx: Context,
  tx: Tx,
  sid: string,
  receipt: Receipt,
): Promise<void> {
  const message = await takeMessage(tx, sid, ctx.storage.forUpdate)
  if (!message || RANK[receipt.state] <= RANK[message.status]) return
  const hasArrived = receipt.state === 'delivered' || receipt.state === 'sent'
  const next: Message = {
    ...message,
    status: receipt.state,
    errorCode: hasArrived ? null : UNKNOWN_ERROR,
    dueAtMs: null,
    updatedAtMs: ctx.clock.now(),
  }
  await settleMessage(tx, next)
  await tellStatus(ctx, tx, next)
  if (!hasArrived) raiseMessageAlert(ctx, next, receipt.code)
}

/** Tells the account of a message that will not arrive. `reason` is the carrier's own word for it, if it gave one. */
export function raiseMessageAlert({ alerts }: Context, message: Message, reason: string | undefined): void {
  const { accountSid, sid, to, provider, errorCode } = message
  const by = provider ? ` by ${provider}` : ''
  alerts.raise({
    accountSid,
    errorCode: errorCode ?? UNKNOWN_ERROR,
    text: `sms to ${maskRecipient(to)}${by} failed: ${reason ?? 'no reason given'}`,
    resourceSid: sid,
    requestMethod: 'POST',
    requestUrl: `/${API_VERSION}/Accounts/${accountSid}/Messages.json`,
  })
}
