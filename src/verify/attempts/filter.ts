import type { Static } from 'typebox'
import type { Context } from '../../context.ts'
import { dateMs } from '../../http/schema.ts'
import { canonicalSid } from '../../storage/sid.ts'
import { parseAnyRecipient } from '../verifications/recipient.ts'
import { findSends } from '../verifications/store.ts'
import { attemptSlot } from './attempt.ts'
import type { AttemptFilter } from './store.ts'
import type { ListQuery, SummaryQuery } from './wire.ts'

type Common = Pick<
  Static<typeof ListQuery>,
  'DateCreatedAfter' | 'DateCreatedBefore' | 'Country' | 'Channel' | 'VerifyServiceSid'
>

const commonFilter = (input: Common): AttemptFilter => ({
  createdAfterMs: dateMs(input.DateCreatedAfter),
  createdBeforeMs: dateMs(input.DateCreatedBefore),
  country: input.Country?.toUpperCase() || undefined,
  channel: input.Channel || undefined,
  serviceSid: input.VerifyServiceSid && canonicalSid(input.VerifyServiceSid),
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
  const verificationSid = input.VerificationSid && canonicalSid(input.VerificationSid)
  const sends = verificationSid ? await findSends(ctx.storage.read, accountSid, verificationSid) : undefined
  if (verificationSid && !sends) return undefined
  return {
    ...commonFilter(input),
    slot: recipient && attemptSlot(ctx, accountSid, recipient.key),
    sids: sends?.map(({ attemptSid }) => attemptSid),
    converted: input.Status === undefined ? undefined : input.Status.toLowerCase() === 'converted',
  }
}

export function findSummaryFilter(input: Static<typeof SummaryQuery>): AttemptFilter {
  const prefix = input.DestinationPrefix
  return { ...commonFilter(input), prefix: prefix && (prefix.startsWith('+') ? prefix : `+${prefix}`) }
}
