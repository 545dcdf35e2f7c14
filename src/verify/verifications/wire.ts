import type { Static } from 'typebox'
import { isoSeconds, jsonText, line, nullable, oneOf, optional, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import type { Verification } from './verification.ts'

export const code = Type.String({ pattern: '^[^\\s\\u0000-\\u001f\\u007f]{4,10}$' })

export const StartBody = Type.Object({
  To: Type.String({ maxLength: 320 }),
  Channel: oneOf(['sms', 'call', 'email', 'whatsapp', 'auto']),
  CustomFriendlyName: optional(Type.String()),
  CustomMessage: optional(Type.String()),
  SendDigits: optional(Type.String({ pattern: '^[0-9*#wW,]{0,32}$' })),
  Locale: optional(Type.String({ maxLength: 16 })),
  CustomCode: optional(code),
  Amount: optional(line(64)),
  Payee: optional(line(64)),
  RateLimits: optional(jsonText(Type.Record(Type.String(), Type.Unknown()))),
  ChannelConfiguration: optional(
    jsonText(
      Type.Object(
        {
          template_id: optional(Type.String()),
          from: optional(Type.String()),
          from_name: optional(line(64)),
          substitutions: optional(Type.Unknown()),
        },
        { additionalProperties: false },
      ),
    ),
  ),
  AppHash: optional(Type.String({ pattern: '^([A-Za-z0-9+/]{11})?$' })),
  TemplateSid: optional(Type.String()),
  TemplateCustomSubstitutions: optional(Type.String()),
  Templates: optional(Type.String()),
  DeviceIp: optional(Type.String()),
  EnableSnaClientToken: optional(Type.Boolean()),
  RiskCheck: optional(oneOf(['enable', 'disable'])),
  Tags: optional(jsonText(Type.Record(Type.String(), Type.Unknown()))),
})

export const UpdateBody = Type.Object({ Status: oneOf(['approved', 'canceled']) })

const Carrier = Type.Object({
  mobile_country_code: nullable(Type.String()),
  mobile_network_code: nullable(Type.String()),
  name: nullable(Type.String()),
  type: nullable(Type.String()),
  error_code: nullable(Type.String()),
})

export const VerificationWire = Type.Object({
  sid: sid('VE'),
  service_sid: sid('VA'),
  account_sid: sid('AC'),
  to: Type.String(),
  channel: Type.String(),
  status: Type.String(),
  valid: Type.Boolean(),
  lookup: Type.Object({ carrier: optional(Carrier) }),
  amount: nullable(Type.String()),
  payee: nullable(Type.String()),
  send_code_attempts: Type.Array(
    Type.Object({ time: Type.String(), channel: Type.String(), attempt_sid: sid('VL') }),
  ),
  sna: Type.Null(),
  date_created: Type.String(),
  date_updated: Type.String(),
  url: Type.String(),
})

/** Upper case but for whatsapp, as in the recorded samples. */
const sendChannel = (channel: string) => (channel === 'whatsapp' ? channel : channel.toUpperCase())

export function toVerificationWire(v: Verification, { base }: Urls): Static<typeof VerificationWire> {
  return {
    sid: v.sid,
    service_sid: v.serviceSid,
    account_sid: v.accountSid,
    to: v.recipient,
    channel: v.channel,
    status: v.status,
    valid: v.status === 'approved',
    lookup: v.lookup
      ? {
          carrier: {
            mobile_country_code: null,
            mobile_network_code: null,
            name: null,
            type: v.lookup.type,
            error_code: null,
          },
        }
      : {},
    amount: v.amount,
    payee: v.payee,
    send_code_attempts: v.sends.map(({ timeMs, channel, attemptSid }) => ({
      time: isoSeconds(timeMs),
      channel: sendChannel(channel),
      attempt_sid: attemptSid,
    })),
    sna: null,
    date_created: isoSeconds(v.createdAtMs),
    date_updated: isoSeconds(v.updatedAtMs),
    url: `${base}/v2/Services/${v.serviceSid}/Verifications/${v.sid}`,
  }
}
