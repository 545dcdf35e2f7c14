import type { Static } from 'typebox'
import { fromMicros } from '../../delivery/rates.ts'
import { isoDate, isoSeconds, nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import type { Attempt, MessageStatus, Tally } from './attempt.ts'

const channel = Type.String({ pattern: '^(sms|call|email|whatsapp|rbm)?$' })
const filters = {
  DateCreatedAfter: optional(isoDate),
  DateCreatedBefore: optional(isoDate),
  Country: optional(Type.String({ pattern: '^([A-Za-z]{2})?$' })),
  Channel: optional(channel),
  VerifyServiceSid: optional(sid('VA')),
}

export const ListQuery = Type.Object({
  ...filters,
  'ChannelData.To': optional(Type.String()),
  VerificationSid: optional(sid('VE')),
  Status: optional(Type.String({ pattern: '^([cC][oO][nN]|[uU][nN][cC][oO][nN])[vV][eE][rR][tT][eE][dD]$' })),
  ...pageQuery,
})

export const SummaryQuery = Type.Object({
  ...filters,
  DestinationPrefix: optional(Type.String({ pattern: '^\\+?[0-9]{1,15}$' })),
})

export const AttemptWire = Type.Object({
  sid: sid('VL'),
  account_sid: sid('AC'),
  service_sid: sid('VA'),
  verification_sid: sid('VE'),
  date_created: Type.String(),
  date_updated: Type.String(),
  conversion_status: Type.String(),
  channel: Type.String(),
  price: Type.Object({ value: Type.String(), currency: Type.String() }),
  channel_data: Type.Object({
    verification_sid: sid('VE'),
    to: Type.String(),
    status: Type.String(),
    message_status: optional(Type.String()),
    call_status: optional(Type.String()),
    error_code: nullable(Type.String()),
    country: nullable(Type.String()),
    code_length: Type.Integer(),
    locale: Type.String(),
    mcc: Type.Null(),
    mnc: Type.Null(),
    carrier: Type.Null(),
  }),
  url: Type.String(),
})

const CALL_STATUS: Record<MessageStatus, string> = {
  queued: 'queued',
  sent: 'in-progress',
  delivered: 'completed',
  undelivered: 'no-answer',
  failed: 'failed',
  canceled: 'canceled',
}

export function toAttemptWire(
  a: Attempt,
  { base }: Urls,
  nowMs: number,
  currency: string,
): Static<typeof AttemptWire> {
  const over = nowMs < a.expiresAtMs ? 'unconfirmed' : 'expired'
  return {
    sid: a.sid,
    account_sid: a.accountSid,
    service_sid: a.serviceSid,
    verification_sid: a.verificationSid,
    date_created: isoSeconds(a.createdAtMs),
    date_updated: isoSeconds(a.updatedAtMs),
    conversion_status: a.converted ? 'converted' : 'unconverted',
    channel: a.channel,
    price: { value: fromMicros(a.priceMicros ?? 0), currency },
    channel_data: {
      verification_sid: a.verificationSid,
      to: a.recipient,
      status: a.converted ? 'confirmed' : over,
      ...(a.channel === 'call' ? { call_status: CALL_STATUS[a.status] } : { message_status: a.status }),
      error_code: a.errorCode,
      country: a.country,
      code_length: a.message.codeLength,
      locale: a.message.locale,
      mcc: null,
      mnc: null,
      carrier: null,
    },
    url: `${base}/v2/Attempts/${a.sid}`,
  }
}

export const SummaryWire = Type.Object({
  total_attempts: Type.Integer(),
  total_converted: Type.Integer(),
  total_unconverted: Type.Integer(),
  conversion_rate_percentage: Type.String(),
  url: Type.String(),
})

export function toSummaryWire({ total, converted }: Tally, { base }: Urls): Static<typeof SummaryWire> {
  // In whole billionths: floating point would make 28.999999999 of 29 in 100.
  const billionths = total === 0 ? 0n : (BigInt(converted) * 100_000_000_000n) / BigInt(total)
  return {
    total_attempts: total,
    total_converted: converted,
    total_unconverted: total - converted,
    // At most nine decimals, cut off: 9 of 11 are 81.818181818 in the recorded sample.
    conversion_rate_percentage: String(Number(billionths) / 1e9),
    url: `${base}/v2/Attempts/Summary`,
  }
}
