import type { Static } from 'typebox'
import { rfc2822 } from '../../http/paging-2010.ts'
import { friendlyName, nullable, oneOf, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { IncomingNumber } from './incoming-phone-number.ts'

const address = optional(Type.String({ maxLength: 4000 }))
const method = optional(oneOf(['GET', 'POST']))
/** Empty takes away what there was. */
const sidOrNone = (prefix: string) => optional(Type.String({ pattern: `^(${prefix}[0-9a-fA-F]{32})?$` }))

const settings = {
  ApiVersion: optional(Type.String()),
  FriendlyName: optional(friendlyName),
  SmsApplicationSid: sidOrNone('AP'),
  SmsFallbackMethod: method,
  SmsFallbackUrl: address,
  SmsMethod: method,
  SmsUrl: address,
  StatusCallback: address,
  StatusCallbackMethod: method,
  VoiceApplicationSid: sidOrNone('AP'),
  VoiceCallerIdLookup: optional(Type.Boolean()),
  VoiceFallbackMethod: method,
  VoiceFallbackUrl: address,
  VoiceMethod: method,
  VoiceUrl: address,
  EmergencyStatus: optional(oneOf(['Active', 'Inactive'])),
  EmergencyAddressSid: sidOrNone('AD'),
  TrunkSid: sidOrNone('TK'),
  VoiceReceiveMode: optional(oneOf(['voice', 'fax'])),
  IdentitySid: sidOrNone('RI'),
  AddressSid: sidOrNone('AD'),
  BundleSid: sidOrNone('BU'),
}

export const CreateBody = Type.Object({
  ...settings,
  PhoneNumber: optional(Type.String()),
  AreaCode: optional(Type.String()),
})
export const UpdateBody = Type.Object({ ...settings, AccountSid: sidOrNone('AC') })
export const ListQuery = Type.Object({
  Beta: optional(Type.Boolean()),
  FriendlyName: optional(Type.String()),
  PhoneNumber: optional(Type.String()),
  Origin: optional(Type.String()),
  ...pageQuery,
})

const none = nullable(Type.String())

export const NumberWire = Type.Object({
  sid: sid('PN'),
  account_sid: sid('AC'),
  phone_number: Type.String(),
  friendly_name: Type.String(),
  api_version: Type.String(),
  capabilities: Type.Object({
    voice: Type.Boolean(),
    sms: Type.Boolean(),
    mms: Type.Boolean(),
    fax: Type.Boolean(),
  }),
  beta: Type.Boolean(),
  origin: Type.String(),
  status: Type.String(),
  type: Type.String(),
  sms_url: Type.String(),
  sms_method: Type.String(),
  sms_fallback_url: Type.String(),
  sms_fallback_method: Type.String(),
  sms_application_sid: Type.String(),
  status_callback: Type.String(),
  status_callback_method: Type.String(),
  voice_url: none,
  voice_method: Type.String(),
  voice_fallback_url: none,
  voice_fallback_method: Type.String(),
  voice_application_sid: Type.String(),
  voice_caller_id_lookup: Type.Boolean(),
  voice_receive_mode: Type.String(),
  trunk_sid: none,
  address_requirements: Type.String(),
  address_sid: none,
  bundle_sid: none,
  identity_sid: none,
  emergency_status: Type.String(),
  emergency_address_sid: none,
  emergency_address_status: Type.String(),
  date_created: Type.String(),
  date_updated: Type.String(),
  uri: Type.String(),
})

export function toNumberWire(number: IncomingNumber): Static<typeof NumberWire> {
  const { settings } = number
  return {
    sid: number.sid,
    account_sid: number.accountSid,
    phone_number: number.phoneNumber,
    friendly_name: number.friendlyName,
    api_version: '2010-04-01',
    capabilities: { voice: false, sms: true, mms: false, fax: false },
    beta: false,
    origin: 'twilio',
    status: 'in-use',
    type: 'local',
    sms_url: settings.smsUrl,
    sms_method: settings.smsMethod,
    sms_fallback_url: settings.smsFallbackUrl,
    sms_fallback_method: settings.smsFallbackMethod,
    sms_application_sid: '',
    status_callback: settings.statusCallback,
    status_callback_method: settings.statusCallbackMethod,
    voice_url: settings.voiceUrl || null,
    voice_method: settings.voiceMethod,
    voice_fallback_url: settings.voiceFallbackUrl || null,
    voice_fallback_method: settings.voiceFallbackMethod,
    voice_application_sid: '',
    voice_caller_id_lookup: settings.voiceCallerIdLookup,
    voice_receive_mode: 'voice',
    trunk_sid: null,
    address_requirements: 'none',
    address_sid: null,
    bundle_sid: null,
    identity_sid: null,
    emergency_status: 'Inactive',
    emergency_address_sid: null,
    emergency_address_status: 'unregistered',
    date_created: rfc2822(number.createdAtMs),
    date_updated: rfc2822(number.updatedAtMs),
    uri: `/2010-04-01/Accounts/${number.accountSid}/IncomingPhoneNumbers/${number.sid}.json`,
  }
}
