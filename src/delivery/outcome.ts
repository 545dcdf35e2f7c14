import type { Context } from '../context.ts'
import type { Access } from '../storage/storage.ts'
import type { Attempt } from '../verify/attempts/attempt.ts'
import { updateTry } from '../verify/attempts/store.ts'
import type { Provider, SendResult } from './provider.ts'
import { applyReceipt, bindReceipts, UNKNOWN_ERROR } from './receipts.ts'
import { raiseSendAlert } from './send-alert.ts'
import { insertHandover } from './store.ts'

/** What a provider that was asked made of a message. */
export type Outcome = Exclude<SendResult, { outcome: 'untried' }>

/** After a hand-over that may have arrived: who got it has time to use it, which cancels the rest. */
const PATIENCE_MS = 30_000

/** The API's numbering of why a message did not arrive. */
const ERROR_CODES = {
  bad_number: '30005',
  blocked: '30004',
  content: '30007',
  config: '30008',
  funds: '30008',
} as const

export const errorCodeOf = (last: Outcome | undefined) =>
  last?.outcome === 'rejected' ? ERROR_CODES[last.kind] : UNKNOWN_ERROR

/** How long a provider is not to be asked for the same message again, in ms. */
export function waitAfter(outcome: Outcome): number {
  if (outcome.outcome === 'busy') return outcome.retryAfterMs ?? 0
  if (outcome.outcome === 'unknown') return PATIENCE_MS
  const isFinal = outcome.outcome === 'rejected' && outcome.kind !== 'config' && outcome.kind !== 'funds'
  return isFinal ? Number.POSITIVE_INFINITY : 0
}

/**
 * Keeps a hand-over and what it makes of the attempt, in one commit; renews the lease where it is not settled.
 * Undefined where another node took the row meanwhile. Rejects when the commit fails.
 */
export async function recordOutcome(
  ctx: Context,
  write: Access['write'],
  held: Attempt,
  provider: Provider,
  outcome: Outcome,
  leaseMs: number,
): Promise<Attempt | undefined> {
  const now = ctx.clock.now()
  const accepted = outcome.outcome === 'accepted' ? outcome : undefined
  const isBadNumber = outcome.outcome === 'rejected' && outcome.kind === 'bad_number'
  const next: Attempt = {
    ...held,
    provider: provider.id,
    tries: held.tries + 1,
    dueAtMs: accepted || isBadNumber ? null : now + leaseMs,
    updatedAtMs: now,
    ...(accepted && {
      status: accepted.deliveredBy ? 'delivered' : 'sent',
      priceMicros: ctx.rates.price(held.channel, held.recipient) * (accepted.segments ?? 1),
    }),
    ...(isBadNumber && { status: 'failed', errorCode: ERROR_CODES.bad_number }),
  }
  const changed = await write(async (tx) => {
    const early =
      accepted && provider.hasReceipts
        ? await bindReceipts(ctx, tx, held.sid, provider.id, accepted.messageId)
        : undefined
    const [changed] = await Promise.all([
      updateTry(tx, next, held.dueAtMs),
      insertHandover(tx, held, {
        n: next.tries,
        provider: provider.id,
        outcome: accepted?.deliveredBy ? 'delivered' : outcome.outcome,
        code: 'code' in outcome ? outcome.code : null,
        detail: 'detail' in outcome ? (outcome.detail ?? null) : null,
        messageId: accepted?.messageId ?? null,
        createdAtMs: now,
      }),
      accepted?.deliveredBy?.(tx),
    ])
    if (early) await applyReceipt(ctx, tx, held.sid, early)
    return changed
  })
  accepted?.recorded?.()
  if (changed !== 1) return undefined
  if (isBadNumber) raiseSendAlert(ctx, next, outcome.code)
  return next
}
