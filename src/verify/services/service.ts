import { type Actor, audit, type Change, differences } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import { insertService, markDeleted, updateSettings } from './store.ts'

/** What a service can be told, by the names of the representation. */
export interface Settings {
  friendly_name: string
  code_length: number
  lookup_enabled: boolean
  psd2_enabled: boolean
  skip_sms_to_landlines: boolean
  dtmf_input_required: boolean
  tts_name: string | null
  do_not_share_warning_enabled: boolean
  custom_code_enabled: boolean
  push: { include_date: boolean; apn_credential_sid: string | null; fcm_credential_sid: string | null }
  totp: { issuer: string | null; time_step: number | null; code_length: number | null; skew: number | null }
  whatsapp: { msg_service_sid: string | null; from: string | null }
  passkeys: {
    relying_party: { id: string | null; name: string | null; origins: string[] | null }
    authenticator_attachment: string | null
    discoverable_credentials: string | null
    user_verification: string | null
  }
  verify_event_subscription_enabled: boolean
}

export interface Service {
  sid: string
  accountSid: string
  settings: Settings
  revision: number
  createdAtMs: number
  updatedAtMs: number
}

const DEFAULTS: Settings = {
  friendly_name: '',
  code_length: 6,
  lookup_enabled: false,
  psd2_enabled: false,
  skip_sms_to_landlines: false,
  dtmf_input_required: true,
  tts_name: null,
  do_not_share_warning_enabled: false,
  custom_code_enabled: false,
  push: { include_date: false, apn_credential_sid: null, fcm_credential_sid: null },
  totp: { issuer: null, time_step: null, code_length: null, skew: null },
  whatsapp: { msg_service_sid: null, from: null },
  passkeys: {
    relying_party: { id: null, name: null, origins: null },
    authenticator_attachment: null,
    discoverable_credentials: null,
    user_verification: null,
  },
  verify_event_subscription_enabled: false,
}

/** The parameters of create and update that set something; each names its place in the settings. */
export interface ServiceInput {
  FriendlyName?: string
  CodeLength?: number
  LookupEnabled?: boolean
  SkipSmsToLandlines?: boolean
  DtmfInputRequired?: boolean
  TtsName?: string
  Psd2Enabled?: boolean
  DoNotShareWarningEnabled?: boolean
  CustomCodeEnabled?: boolean
  'Push.IncludeDate'?: boolean
  'Push.ApnCredentialSid'?: string
  'Push.FcmCredentialSid'?: string
  'Totp.Issuer'?: string
  'Totp.TimeStep'?: number
  'Totp.CodeLength'?: number
  'Totp.Skew'?: number
  DefaultTemplateSid?: string
  'Whatsapp.MsgServiceSid'?: string
  'Whatsapp.From'?: string
  'Passkeys.RelyingParty.Id'?: string
  'Passkeys.RelyingParty.Name'?: string
  'Passkeys.RelyingParty.Origins'?: string
  'Passkeys.AuthenticatorAttachment'?: string
  'Passkeys.DiscoverableCredentials'?: string
  'Passkeys.UserVerification'?: string
  VerifyEventSubscriptionEnabled?: boolean
}

const NAME = /^[\p{L}\p{M}\p{N} _-]{1,30}$/u

/**
 * Letters, digits, space, dash and underscore, at most 30 characters with at most 4 digits: a name must not pass
 * for a link or a phone number in a message. `parameter` is named in the 60200.
 */
export function checkFriendlyName(name: string, parameter: string): void {
  const digits = name.match(/\p{N}/gu)?.length ?? 0
  if (!NAME.test(name) || name.trim() === '' || digits > 4) throw fail.invalidParameter(parameter)
}

function change(settings: Settings, input: ServiceInput): Settings {
  if (input.FriendlyName !== undefined) checkFriendlyName(input.FriendlyName, 'FriendlyName')
  // A template would change what is sent, and there are none yet.
  if (input.DefaultTemplateSid) throw fail.unsupportedFeature('DefaultTemplateSid')
  const { push, totp, whatsapp, passkeys } = settings
  const text = (given: string | undefined, kept: string | null) =>
    given === undefined ? kept : given || null
  const origins = input['Passkeys.RelyingParty.Origins']
  return {
    friendly_name: input.FriendlyName ?? settings.friendly_name,
    code_length: input.CodeLength ?? settings.code_length,
    lookup_enabled: input.LookupEnabled ?? settings.lookup_enabled,
    psd2_enabled: input.Psd2Enabled ?? settings.psd2_enabled,
    skip_sms_to_landlines: input.SkipSmsToLandlines ?? settings.skip_sms_to_landlines,
    dtmf_input_required: input.DtmfInputRequired ?? settings.dtmf_input_required,
    tts_name: text(input.TtsName, settings.tts_name),
    do_not_share_warning_enabled: input.DoNotShareWarningEnabled ?? settings.do_not_share_warning_enabled,
    custom_code_enabled: input.CustomCodeEnabled ?? settings.custom_code_enabled,
    push: {
      include_date: input['Push.IncludeDate'] ?? push.include_date,
      apn_credential_sid: text(input['Push.ApnCredentialSid'], push.apn_credential_sid),
      fcm_credential_sid: text(input['Push.FcmCredentialSid'], push.fcm_credential_sid),
    },
    totp: {
      issuer: text(input['Totp.Issuer'], totp.issuer),
      time_step: input['Totp.TimeStep'] ?? totp.time_step,
      code_length: input['Totp.CodeLength'] ?? totp.code_length,
      skew: input['Totp.Skew'] ?? totp.skew,
    },
    whatsapp: {
      msg_service_sid: text(input['Whatsapp.MsgServiceSid'], whatsapp.msg_service_sid),
      from: text(input['Whatsapp.From'], whatsapp.from),
    },
    passkeys: {
      relying_party: {
        id: text(input['Passkeys.RelyingParty.Id'], passkeys.relying_party.id),
        name: text(input['Passkeys.RelyingParty.Name'], passkeys.relying_party.name),
        origins:
          origins === undefined
            ? passkeys.relying_party.origins
            : origins.split(',').flatMap((origin) => origin.trim() || []),
      },
      authenticator_attachment:
        input['Passkeys.AuthenticatorAttachment'] ?? passkeys.authenticator_attachment,
      discoverable_credentials:
        input['Passkeys.DiscoverableCredentials'] ?? passkeys.discoverable_credentials,
      user_verification: input['Passkeys.UserVerification'] ?? passkeys.user_verification,
    },
    verify_event_subscription_enabled:
      input.VerifyEventSubscriptionEnabled ?? settings.verify_event_subscription_enabled,
  }
}

/** Throws 60200 naming what is wrong, 60204 for what is not built. */
export async function createService(ctx: Context, caller: Caller, input: ServiceInput): Promise<Service> {
  return ctx.storage.write((tx) => addService(ctx, tx, caller, input))
}

/** In the unit of what needs it. Throws as `createService` does. */
export async function addService(ctx: Context, tx: Tx, actor: Actor, input: ServiceInput): Promise<Service> {
  const service = makeService(ctx, actor.accountSid, input)
  await insertService(tx, service)
  await audit(ctx, tx, actor, changeOf('created', service.sid, service.settings))
  return service
}

const changeOf = (what: string, sid: string, data: object): Change => ({
  type: `verify-service.${what}`,
  resource: 'verify-service',
  sid,
  data: { ...data },
})

/** A service that is not stored yet. Throws as `createService` does. */
export function makeService(ctx: Context, accountSid: string, input: ServiceInput): Service {
  const settings = change(DEFAULTS, input)
  const now = ctx.clock.now()
  const sid = newSid('VA', 0, now, ctx.random)
  return { sid, accountSid, settings, revision: 1, createdAtMs: now, updatedAtMs: now }
}

/** Throws 20404. `path` is what the 404 names. */
export async function fetchService(ctx: Context, accountSid: string, sid: string, path = `/Services/${sid}`) {
  const service = await ctx.known.service(accountSid, sid)
  if (!service) throw fail.notFound(path)
  return service
}

export async function updateService(ctx: Context, caller: Caller, sid: string, input: ServiceInput) {
  for (;;) {
    const service = await fetchService(ctx, caller.accountSid, sid)
    const settings = change(service.settings, input)
    const changed: Service = {
      ...service,
      settings,
      revision: service.revision + 1,
      updatedAtMs: ctx.clock.now(),
    }
    const done = await ctx.storage.write(async (tx) => {
      if ((await updateSettings(tx, changed)) === 0) return false
      await audit(ctx, tx, caller, changeOf('updated', sid, differences(service.settings, settings)))
      return true
    })
    ctx.known.forgetService(sid)
    // Nothing changed: another update or a delete came first.
    if (done) return changed
  }
}

/** Every nested path is 404 from now on; what it sent stays listable. */
export async function deleteService(ctx: Context, caller: Caller, sid: string): Promise<void> {
  const service = await fetchService(ctx, caller.accountSid, sid)
  await ctx.storage.write(async (tx) => {
    if ((await markDeleted(tx, service, ctx.clock.now())) === 0) return
    await audit(ctx, tx, caller, changeOf('deleted', sid, {}))
  })
  ctx.known.forgetService(sid)
}
