import type { Static } from 'typebox'
import type { Context } from '../../context.ts'
import { fromMicros } from '../../delivery/rates.ts'
import { rfc2822 } from '../../http/paging-2010.ts'
import { dateOrTime, nullable, oneOf, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { type Message, openBody } from './message.ts'
import { API_VERSION } from './progress.ts'

const text = optional(Type.String())
const flag = optional(Type.Boolean())
const texts = optional(Type.Array(Type.String()))
const sidOf = (prefix: string) => optional(Type.String({ pattern: `^(${prefix}[0-9a-fA-F]{32})?$` }))

export const CreateBody = Type.Object({
  To: Type.String(),
  From: text,
  Body: text,
  StatusCallback: optional(Type.String({ maxLength: 4000 })),
  ValidityPeriod: optional(Type.Integer({ minimum: 1, maximum: 36_000 })),
  MessagingServiceSid: sidOf('MG'),
  ApplicationSid: sidOf('AP'),
  ContentSid: sidOf('HX'),
  ContentVariables: text,
  MediaUrl: texts,
  PersistentAction: texts,
  ScheduleType: optional(oneOf(['fixed'])),
  SendAt: text,
  SendAsMms: flag,
  ShortenUrls: flag,
  SmartEncoded: flag,
  MaxPrice: optional(Type.Number()),
  FallbackFrom: text,
  ContentRetention: optional(oneOf(['retain', 'discard'])),
  AddressRetention: optional(oneOf(['retain', 'obfuscate'])),
  ProvideFeedback: flag,
  Attempt: optional(Type.Integer()),
  ForceDelivery: flag,
  TrafficType: optional(oneOf(['free'])),
  MessageIntent: text,
  RiskCheck: optional(oneOf(['enable', 'disable'])),
})
export const UpdateBody = Type.Object({ Body: text, Status: optional(oneOf(['canceled'])) })
export const ListQuery = Type.Object({
  To: text,
  From: text,
  DateSent: optional(dateOrTime),
  'DateSent<': optional(dateOrTime),
  'DateSent>': optional(dateOrTime),
  ...pageQuery,
})

export const MessageWire = Type.Object({
  sid: sid('SM'),
  account_sid: sid('AC'),
  api_version: Type.String(),
  messaging_service_sid: nullable(Type.String()),
  direction: Type.String(),
  from: Type.String(),
  to: Type.String(),
  body: Type.String(),
  num_segments: Type.String(),
  num_media: Type.String(),
  status: Type.String(),
  error_code: nullable(Type.Integer()),
  error_message: nullable(Type.String()),
  price: nullable(Type.String()),
  price_unit: nullable(Type.String()),
  date_created: Type.String(),
  date_updated: Type.String(),
  date_sent: nullable(Type.String()),
  subresource_uris: Type.Record(Type.String(), Type.String()),
  uri: Type.String(),
})

/** Of those that are given here. */
const ERROR_MESSAGES: Record<string, string> = {
  '30004': 'Message blocked',
  '30005': 'Unknown destination handset',
  '30007': 'Carrier violation',
  '30008': 'Unknown error',
  '30036': 'Validity Period Expired',
}

export function toMessageWire(
  ctx: Pick<Context, 'vault' | 'rates'>,
  message: Message,
): Static<typeof MessageWire> {
  const { accountSid, errorCode, priceMicros, sentAtMs } = message
  return {
    sid: message.sid,
    account_sid: accountSid,
    api_version: API_VERSION,
    messaging_service_sid: null,
    direction: message.direction,
    from: message.from,
    to: message.to,
    body: openBody(ctx, message),
    num_segments: String(message.segments),
    num_media: '0',
    status: message.status,
    error_code: errorCode === null ? null : Number(errorCode),
    error_message: errorCode === null ? null : (ERROR_MESSAGES[errorCode] ?? null),
    // What it cost is what it took from the account.
    price: priceMicros === null ? null : `${priceMicros > 0 ? '-' : ''}${fromMicros(priceMicros)}`,
    price_unit: priceMicros === null ? null : ctx.rates.currency.toUpperCase(),
    date_created: rfc2822(message.createdAtMs),
    date_updated: rfc2822(message.updatedAtMs),
    date_sent: sentAtMs === null ? null : rfc2822(sentAtMs),
    subresource_uris: {},
    uri: `/${API_VERSION}/Accounts/${accountSid}/Messages/${message.sid}.json`,
  }
}
