import type { Context } from '../context.ts'
import { maskRecipient } from '../log.ts'
import type { Attempt } from '../verify/attempts/attempt.ts'

/** Tells the account of a message that will not arrive. `reason` is the carrier's own word for it, if it gave one. */
export function raiseSendAlert({ alerts }: Context, attempt: Attempt, reason: string | undefined): void {
  const { channel, recipient, provider, errorCode } = attempt
  const by = provider ? ` by ${provider}` : ''
  alerts.raise({
    accountSid: attempt.accountSid,
    errorCode: errorCode ?? '30008',
    text: `${channel} to ${maskRecipient(recipient)}${by} failed: ${reason ?? 'no reason given'}`,
    resourceSid: attempt.sid,
    serviceSid: attempt.serviceSid,
    requestMethod: 'POST',
    requestUrl: `/v2/Services/${attempt.serviceSid}/Verifications`,
  })
}
