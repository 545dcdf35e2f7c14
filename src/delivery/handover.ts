import type { Context } from '../context.ts'
import { maskRecipient } from '../log.ts'
import type { Attempt } from '../verify/attempts/attempt.ts'
import { composeMessage } from './compose.ts'
import type { Outgoing, Provider, Receipt, SendResult } from './provider.ts'

/** Longer than any time-out of a provider's own, which tells more. */
const PROVIDER_TIMEOUT_MS = 10_000
/** How long after that a provider may still say what became of the message. */
const GRACE_MS = 2_000
/** No hand-over takes longer. */
export const MAX_HANDOVER_MS = PROVIDER_TIMEOUT_MS + GRACE_MS

/** One hand-over of a message to a provider, and what came of it. */
export interface Handover {
  n: number
  provider: string
  outcome: SendResult['outcome'] | Receipt['state']
  code: string | null
  detail: string | null
  messageId: string | null
  createdAtMs: number
}

/** Gives an attempt's message to a provider. Resolves within `MAX_HANDOVER_MS`. */
export const handOver = (ctx: Context, provider: Provider, attempt: Attempt, code: string) =>
  handOut(ctx, provider, composeMessage(attempt, code))

/** Gives a message to a provider. Resolves within `MAX_HANDOVER_MS`, never rejects. */
export async function handOut(
  { clock, log }: Context,
  provider: Provider,
  message: Outgoing,
): Promise<SendResult> {
  const startedAtMs = clock.now()
  const subject = message.verificationSid ? { attempt_sid: message.sid } : { message_sid: message.sid }
  const timeout = new AbortController()
  let stopTimer = () => {}
  // A provider that does not heed the signal must not hold its place for ever.
  const givenUp = new Promise<SendResult>((resolve) => {
    stopTimer = clock.after(PROVIDER_TIMEOUT_MS, () => {
      timeout.abort()
      stopTimer = clock.after(GRACE_MS, () => resolve({ outcome: 'unknown', code: 'timeout' }))
    })
  })
  let result: SendResult
  try {
    result = await Promise.race([provider.send(message, timeout.signal), givenUp])
  } catch (error) {
    log.error({ provider: provider.id, ...subject, err: error }, 'provider failed')
    result = { outcome: 'unknown', code: 'internal' }
  } finally {
    stopTimer()
  }
  log.info(
    {
      ...subject,
      provider: provider.id,
      channel: message.channel,
      to: maskRecipient(message.to),
      outcome: result.outcome,
      code: 'code' in result ? result.code : undefined,
      ms: clock.now() - startedAtMs,
    },
    'send',
  )
  return result
}
