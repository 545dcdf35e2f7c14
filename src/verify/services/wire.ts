import type { Static } from 'typebox'
import { isoSeconds, nullable, oneOf, optional, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import type { Service } from './service.ts'

const settings = {
  CodeLength: optional(Type.Integer({ minimum: 4, maximum: 10 })),
  LookupEnabled: optional(Type.Boolean()),
  SkipSmsToLandlines: optional(Type.Boolean()),
  DtmfInputRequired: optional(Type.Boolean()),
  TtsName: optional(Type.String({ maxLength: 64 })),
  Psd2Enabled: optional(Type.Boolean()),
  DoNotShareWarningEnabled: optional(Type.Boolean()),
  CustomCodeEnabled: optional(Type.Boolean()),
  'Push.IncludeDate': optional(Type.Boolean()),
  'Push.ApnCredentialSid': optional(Type.String({ pattern: '^(CR[0-9a-fA-F]{32})?$' })),
  'Push.FcmCredentialSid': optional(Type.String({ pattern: '^(CR[0-9a-fA-F]{32})?$' })),
  'Totp.Issuer': optional(Type.String({ maxLength: 64 })),
  'Totp.TimeStep': optional(Type.Integer({ minimum: 20, maximum: 60 })),
  'Totp.CodeLength': optional(Type.Integer({ minimum: 3, maximum: 8 })),
  'Totp.Skew': optional(Type.Integer({ minimum: 0, maximum: 2 })),
  DefaultTemplateSid: optional(Type.String({ pattern: '^(HJ[0-9a-fA-F]{32})?$' })),
  'Whatsapp.MsgServiceSid': optional(Type.String({ pattern: '^(MG[0-9a-fA-F]{32})?$' })),
  'Whatsapp.From': optional(Type.String({ pattern: '^(whatsapp:\\+[1-9]\\d{6,14})?$' })),
  'Passkeys.RelyingParty.Id': optional(Type.String({ maxLength: 253 })),
  'Passkeys.RelyingParty.Name': optional(Type.String({ maxLength: 64 })),
  'Passkeys.RelyingParty.Origins': optional(Type.String({ maxLength: 2048 })),
  'Passkeys.AuthenticatorAttachment': optional(Type.String({ pattern: '^(platform|cross-platform|any)?$' })),
  'Passkeys.DiscoverableCredentials': optional(
    Type.String({ pattern: '^(required|preferred|discouraged)?$' }),
  ),
  'Passkeys.UserVerification': optional(Type.String({ pattern: '^(required|preferred|discouraged)?$' })),
  VerifyEventSubscriptionEnabled: optional(Type.Boolean()),
}

export const CreateServiceBody = Type.Object({ FriendlyName: Type.String(), ...settings })
export const UpdateServiceBody = Type.Object({ FriendlyName: optional(Type.String()), ...settings })

export const ServiceWire = Type.Object({
  sid: sid('VA'),
  account_sid: sid('AC'),
  friendly_name: Type.String(),
  code_length: Type.Integer(),
  lookup_enabled: Type.Boolean(),
  psd2_enabled: Type.Boolean(),
  skip_sms_to_landlines: Type.Boolean(),
  dtmf_input_required: Type.Boolean(),
  tts_name: nullable(Type.String()),
  do_not_share_warning_enabled: Type.Boolean(),
  custom_code_enabled: Type.Boolean(),
  push: Type.Object({
    include_date: Type.Boolean(),
    apn_credential_sid: nullable(Type.String()),
    fcm_credential_sid: nullable(Type.String()),
  }),
  totp: Type.Object({
    issuer: nullable(Type.String()),
    time_step: nullable(Type.Integer()),
    code_length: nullable(Type.Integer()),
    skew: nullable(Type.Integer()),
  }),
  whatsapp: Type.Object({ msg_service_sid: nullable(Type.String()), from: nullable(Type.String()) }),
  passkeys: Type.Object({
    relying_party: Type.Object({
      id: nullable(Type.String()),
      name: nullable(Type.String()),
      origins: nullable(Type.Array(Type.String())),
    }),
    authenticator_attachment: nullable(oneOf(['', 'platform', 'cross-platform', 'any'])),
    discoverable_credentials: nullable(oneOf(['', 'required', 'preferred', 'discouraged'])),
    user_verification: nullable(oneOf(['', 'required', 'preferred', 'discouraged'])),
  }),
  default_template_sid: nullable(Type.String()),
  verify_event_subscription_enabled: Type.Boolean(),
  date_created: Type.String(),
  date_updated: Type.String(),
  url: Type.String(),
  links: Type.Record(Type.String(), Type.String()),
})

export function toServiceWire(service: Service, { base }: Urls): Static<typeof ServiceWire> {
  const url = `${base}/v2/Services/${service.sid}`
  return {
    ...(service.settings as Omit<Static<typeof ServiceWire>, 'sid' | 'account_sid'>),
    sid: service.sid,
    account_sid: service.accountSid,
    default_template_sid: null,
    date_created: isoSeconds(service.createdAtMs),
    date_updated: isoSeconds(service.updatedAtMs),
    url,
    links: {
      verification_checks: `${url}/VerificationCheck`,
      verifications: `${url}/Verifications`,
      rate_limits: `${url}/RateLimits`,
      messaging_configurations: `${url}/MessagingConfigurations`,
      entities: `${url}/Entities`,
      webhooks: `${url}/Webhooks`,
      access_tokens: `${url}/AccessTokens`,
    },
  }
}
