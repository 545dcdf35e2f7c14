import type { Static } from 'typebox'
import { rfc2822 } from '../../http/paging-2010.ts'
import { friendlyName, nullable, oneOf, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { code } from '../../verify/verifications/wire.ts'
import type { CallerId, ValidationRequest } from './caller-id.ts'

export const ValidationBody = Type.Object({
  PhoneNumber: Type.String(),
  FriendlyName: optional(friendlyName),
  CallDelay: optional(Type.Integer({ minimum: 0, maximum: 60 })),
  Extension: optional(Type.String({ maxLength: 32, pattern: '^[0-9*#wW]*$' })),
  StatusCallback: optional(Type.String()),
  StatusCallbackMethod: optional(oneOf(['GET', 'POST'])),
})
export const ConfirmationBody = Type.Object({ PhoneNumber: Type.String(), Code: code })
export const UpdateBody = Type.Object({ FriendlyName: optional(friendlyName) })
export const ListQuery = Type.Object({
  PhoneNumber: optional(Type.String()),
  FriendlyName: optional(Type.String()),
  ...pageQuery,
})

export const ValidationWire = Type.Object({
  account_sid: sid('AC'),
  call_sid: sid('CA'),
  friendly_name: Type.String(),
  phone_number: Type.String(),
  validation_code: nullable(Type.String()),
})

/** No code to be typed on the phone: here it is the phone that is told one, and whoever answers it tells it back. */
export function toValidationWire(request: ValidationRequest): Static<typeof ValidationWire> {
  return {
    account_sid: request.accountSid,
    call_sid: `CA${request.verificationSid.slice(2)}`,
    friendly_name: request.friendlyName,
    phone_number: request.phoneNumber,
    validation_code: null,
  }
}

export const CallerIdWire = Type.Object({
  sid: sid('PN'),
  account_sid: sid('AC'),
  friendly_name: Type.String(),
  phone_number: Type.String(),
  date_created: Type.String(),
  date_updated: Type.String(),
  uri: Type.String(),
})

export function toCallerIdWire(callerId: CallerId): Static<typeof CallerIdWire> {
  return {
    sid: callerId.sid,
    account_sid: callerId.accountSid,
    friendly_name: callerId.friendlyName,
    phone_number: callerId.phoneNumber,
    date_created: rfc2822(callerId.createdAtMs),
    date_updated: rfc2822(callerId.updatedAtMs),
    uri: `/2010-04-01/Accounts/${callerId.accountSid}/OutgoingCallerIds/${callerId.sid}.json`,
  }
}
