import { isStillVerified } from '../../accounts/trial.ts'
import type { Context } from '../../context.ts'
import type { Route } from '../../delivery/choose.ts'
import { handOut } from '../../delivery/handover.ts'
import { errorCodeOf, type Outcome, waitAfter } from '../../delivery/outcome.ts'
import type { Provider } from '../../delivery/provider.ts'
import { bindReceipts } from '../../delivery/receipts.ts'
import { type Message, openBody } from './message.ts'
import { applyMessageReceipt, raiseMessageAlert, tellStatus } from './progress.ts'
import { updateTry } from './store.ts'

/** How long the node that took a message has it for itself: longer than a hand-over takes. */
export const SEND_LEASE_MS = 15_000
/** Where a provider has no room. */
const NO_ROOM_MS = 1_000
const BACKOFF_MS = 500
const MAX_BACKOFF_MS = 30_000
/** Between two tries to write down what came of a hand-over. */
const RECORD_RETRY_MS = 500
/** "Validity period expired", in the API's numbering. */
const EXPIRED = '30036'
/** "The number is unverified. Trial accounts cannot send to unverified numbers", in the same. */
const UNVERIFIED = '21608'

/**
 * Hands a message that this node has taken to the first provider that takes it, or puts it off. At least once: one that
 * was handed over and not written down goes again.
 */
export async function deliverMessage(ctx: Context, routes: readonly Route[], taken: Message): Promise<void> {
  let held = taken
  let last: Outcome | undefined
  /** Until one of the providers may be asked again. */
  let waitMs = Number.POSITIVE_INFINITY
  for (const { provider, circuit } of routes) {
    if (ctx.clock.now() >= held.expiresAtMs) break
    if (!(await isStillVerified(ctx, held.accountSid, held.to))) {
      return settleFailed(ctx, held, UNVERIFIED, 'its number is no verified caller id any more')
    }
    const notBeforeMs = circuit.waitMs || (provider.capacity() < 1 ? NO_ROOM_MS : 0)
    if (notBeforeMs > 0) {
      waitMs = Math.min(waitMs, notBeforeMs)
      continue
    }
    // From here on it cannot be canceled.
    const sending = await update(ctx, held, { status: 'sending', dueAtMs: ctx.clock.now() + SEND_LEASE_MS })
    if (!sending) return
    held = sending
    const report = circuit.begin()
    const { accountSid, sid, from, to, expiresAtMs } = held
    const result = await handOut(ctx, provider, {
      accountSid,
      sid,
      channel: 'sms',
      from,
      to,
      body: openBody(ctx, held),
      locale: 'en',
      expiresAtMs,
    })
    report(result)
    if (result.outcome === 'untried') {
      waitMs = Math.min(waitMs, NO_ROOM_MS)
      continue
    }
    last = result
    const next = await record(ctx, held, provider, result)
    if (!next || next.dueAtMs === null) return
    held = next
    waitMs = Math.min(waitMs, waitAfter(result))
  }
  await postpone(ctx, held, waitMs, last)
}

/** Undefined where another node took the row meanwhile, or it was canceled. */
async function update(ctx: Context, held: Message, change: Partial<Message>): Promise<Message | undefined> {
  const next = { ...held, ...change, updatedAtMs: ctx.clock.now() }
  const changed = await ctx.storage.system.write((tx) => updateTry(tx, next, held.dueAtMs))
  return changed === 1 ? next : undefined
}

/** Records an outcome; while the lease lasts, again and again: a message that has gone must not go twice. */
async function record(
  ctx: Context,
  held: Message,
  provider: Provider,
  outcome: Outcome,
): Promise<Message | undefined> {
  for (let tries = 0; ; tries++) {
    try {
      return await recordOutcome(ctx, held, provider, outcome)
    } catch (error) {
      if (ctx.clock.now() + RECORD_RETRY_MS >= (held.dueAtMs ?? 0)) throw error
      if (tries === 0) ctx.log.warn({ message_sid: held.sid, err: error }, 'send not recorded yet')
      await new Promise<void>((resolve) => ctx.clock.after(RECORD_RETRY_MS, resolve))
    }
  }
}

async function recordOutcome(
  ctx: Context,
  held: Message,
  provider: Provider,
  outcome: Outcome,
): Promise<Message | undefined> {
  const now = ctx.clock.now()
  const accepted = outcome.outcome === 'accepted' ? outcome : undefined
  const isBadNumber = outcome.outcome === 'rejected' && outcome.kind === 'bad_number'
  const segments = accepted?.segments ?? held.segments
  const tried: Message = { ...held, provider: provider.id, tries: held.tries + 1, updatedAtMs: now }
  const sent: Message = {
    ...tried,
    status: 'sent',
    dueAtMs: null,
    sentAtMs: now,
    priceMicros: ctx.rates.price('sms', held.to) * segments,
  }
  const next: Message = accepted
    ? { ...sent, status: accepted.deliveredBy ? 'delivered' : 'sent' }
    : isBadNumber
      ? { ...tried, status: 'failed', errorCode: errorCodeOf(outcome), dueAtMs: null }
      : { ...tried, dueAtMs: now + SEND_LEASE_MS }
  const changed = await ctx.storage.system.write(async (tx) => {
    const early =
      accepted && provider.hasReceipts
        ? await bindReceipts(ctx, tx, held.sid, provider.id, accepted.messageId)
        : undefined
    const changed = await updateTry(tx, next, held.dueAtMs)
    if (changed !== 1) return changed
    await accepted?.deliveredBy?.(tx)
    if (accepted) await tellStatus(ctx, tx, sent)
    if (next.status === 'delivered' || next.status === 'failed') await tellStatus(ctx, tx, next)
    if (early) await applyMessageReceipt(ctx, tx, held.sid, early)
    return changed
  })
  if (changed !== 1) return undefined
  accepted?.recorded?.()
  if (isBadNumber) raiseMessageAlert(ctx, next, outcome.code)
  return next
}

/** Nobody took it: exponential back-off with jitter while it may be sent, then it has failed. */
async function postpone(
  ctx: Context,
  held: Message,
  waitMs: number,
  last: Outcome | undefined,
): Promise<void> {
  const { clock, random } = ctx
  const now = clock.now()
  const backoffMs = last
    ? Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** held.tries) * (0.5 + random.int(1000) / 1000)
    : 0
  const dueAtMs = now + Math.round(Math.max(backoffMs, waitMs))
  if (dueAtMs < held.expiresAtMs) {
    // One that may have arrived cannot be canceled.
    const status = last?.outcome === 'unknown' ? 'sending' : 'queued'
    await update(ctx, held, { status, dueAtMs })
    return
  }
  const isRefused = last !== undefined && waitMs === Number.POSITIVE_INFINITY
  const reason = last && 'code' in last ? last.code : 'no carrier took it in its time'
  await settleFailed(ctx, held, isRefused ? errorCodeOf(last) : EXPIRED, reason)
}

/** It will not be sent. Changes nothing where another node took the row meanwhile. */
async function settleFailed(ctx: Context, held: Message, errorCode: string, reason: string): Promise<void> {
  const failed: Message = {
    ...held,
    status: 'failed',
    errorCode,
    dueAtMs: null,
    updatedAtMs: ctx.clock.now(),
  }
  const changed = await ctx.storage.system.write(async (tx) => {
    const changed = await updateTry(tx, failed, held.dueAtMs)
    if (changed === 1) await tellStatus(ctx, tx, failed)
    return changed
  })
  if (changed === 1) raiseMessageAlert(ctx, failed, reason)
}
