import type { Static } from 'typebox'
import { isoSeconds, nullable, optional, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Verification } from '../verifications/verification.ts'
import { code } from '../verifications/wire.ts'

export const CheckBody = Type.Object({
  Code: optional(code),
  To: optional(Type.String({ maxLength: 320 })),
  VerificationSid: optional(Type.String({ pattern: '^(VE[0-9a-fA-F]{32})?$' })),
  Amount: optional(Type.String()),
  Payee: optional(Type.String()),
  SnaClientToken: optional(Type.String()),
})

export const CheckWire = Type.Object({
  sid: sid('VE'),
  service_sid: sid('VA'),
  account_sid: sid('AC'),
  to: Type.String(),
  channel: Type.String(),
  status: Type.String(),
  valid: Type.Boolean(),
  amount: nullable(Type.String()),
  payee: nullable(Type.String()),
  sna_attempts_error_codes: Type.Array(Type.Unknown()),
  date_created: Type.String(),
  date_updated: Type.String(),
})

export function toCheckWire(v: Verification): Static<typeof CheckWire> {
  return {
    sid: v.sid,
    service_sid: v.serviceSid,
    account_sid: v.accountSid,
    to: v.recipient,
    channel: v.channel,
    status: v.status,
    valid: v.status === 'approved',
    amount: v.amount,
    payee: v.payee,
    sna_attempts_error_codes: [],
    date_created: isoSeconds(v.createdAtMs),
    date_updated: isoSeconds(v.updatedAtMs),
  }
}
