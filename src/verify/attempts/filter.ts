import type { Static } from 'typebox'
import type { Context } from '../../context.ts'
import { fail } from '../../http/errors.ts'
import { parseAnyRecipient } from '../verifications/recipient.ts'
import { sidOf } from '../verifications/verification.ts'
import { attemptSlot } from './attempt.ts'
import type { AttemptFilter } from './store.ts'
import type { ListQuery, SummaryQuery } from './wire.ts'

type Common = Pick<
  Static<typeof ListQuery>,
  'DateCreatedAfter' | 'DateCreatedBefore' | 'Country' | 'Channel' | 'VerifyServiceSid'
>

function time(parameter: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw fail.invalidParameter(parameter)
  return ms
}

const commonFilter = (input: Common): AttemptFilter => ({
  createdAfterMs: time('DateCreatedAfter', input.DateCreatedAfter),
  createdBeforeMs: time('DateCreatedBefore', input.DateCreatedBefore),
  country: input.Country?.toUpperCase() || undefined,
  channel: input.Channel || undefined,
  serviceSid: input.VerifyServiceSid && `VA${input.VerifyServiceSid.slice(2).toLowerCase()}`,
})

/** Undefined when nothing can match. */
export async function findAttemptFilter(
  ctx: Context,
  accountSid: string,
  input: Static<typeof ListQuery>,
): Promise<AttemptFilter | undefined> {
  const to = input['ChannelData.To']
  const recipient = to ? await parseAnyRecipient(to) : undefined
  if (to && !recipient) return undefined
  return {
    ...commonFilter(input),
    slot: recipient && attemptSlot(ctx, accountSid, recipient.key),
    verificationSid: input.VerificationSid && sidOf(input.VerificationSid),
    converted: input.Status === undefined ? undefined : input.Status.toLowerCase() === 'converted',
  }
}

export function findSummaryFilter(input: Static<typeof SummaryQuery>): AttemptFilter {
  const prefix = input.DestinationPrefix
  return { ...commonFilter(input), prefix: prefix && (prefix.startsWith('+') ? prefix : `+${prefix}`) }
}
