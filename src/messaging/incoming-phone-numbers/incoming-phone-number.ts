import { audit } from '../../accounts/audit/audit.ts'
import { formatNumber } from '../../accounts/caller-ids/caller-id.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { maskRecipient } from '../../log.ts'
import { newSid } from '../../storage/sid.ts'
import { parsePhone } from '../../verify/verifications/recipient.ts'
import { parseDestination } from '../../webhooks/destination.ts'
import { deleteNumber, findNumber, insertNumber, updateNumber } from './store.ts'

type Method = 'GET' | 'POST'

/** What is called when somebody writes to a number; empty where nothing is. Calls are not served, but what was said of them is kept. */
export interface NumberSettings {
  smsUrl: string
  smsMethod: Method
  smsFallbackUrl: string
  smsFallbackMethod: Method
  statusCallback: string
  statusCallbackMethod: Method
  voiceUrl: string
  voiceMethod: Method
  voiceFallbackUrl: string
  voiceFallbackMethod: Method
  voiceCallerIdLookup: boolean
}

/** A number by which people write to an account. */
export interface IncomingNumber {
  sid: string
  accountSid: string
  /** E.164. */
  phoneNumber: string
  friendlyName: string
  settings: NumberSettings
  createdAtMs: number
  updatedAtMs: number
}

/** By their names on the wire. */
export interface NumberInput {
  FriendlyName?: string
  SmsUrl?: string
  SmsMethod?: Method
  SmsFallbackUrl?: string
  SmsFallbackMethod?: Method
  StatusCallback?: string
  StatusCallbackMethod?: Method
  VoiceUrl?: string
  VoiceMethod?: Method
  VoiceFallbackUrl?: string
  VoiceFallbackMethod?: Method
  VoiceCallerIdLookup?: boolean
  [refused: string]: unknown
}

const NEW: NumberSettings = {
  smsUrl: '',
  smsMethod: 'POST',
  smsFallbackUrl: '',
  smsFallbackMethod: 'POST',
  statusCallback: '',
  statusCallbackMethod: 'POST',
  voiceUrl: '',
  voiceMethod: 'POST',
  voiceFallbackUrl: '',
  voiceFallbackMethod: 'POST',
  voiceCallerIdLookup: false,
}

/** What would change what happens with a message, and is not built. */
const NOT_BUILT = [
  'AccountSid',
  'SmsApplicationSid',
  'VoiceApplicationSid',
  'TrunkSid',
  'EmergencyAddressSid',
  'AddressSid',
  'IdentitySid',
  'BundleSid',
]

/**
 * Takes a number for the account, if the operator has listed it; in development any. Throws 21421 for what is no number,
 * 21422 for one that is not to be had, 21402 for an address that may not be called, 60204 for what is not built.
 */
export async function takeNumber(
  ctx: Context,
  caller: Caller,
  input: NumberInput & { PhoneNumber?: string; AreaCode?: string },
): Promise<IncomingNumber> {
  // There is no stock to choose one from.
  if (!input.PhoneNumber) throw fail.numberNotAvailable(input.AreaCode ?? '')
  const phoneNumber = (await parsePhone(input.PhoneNumber))?.to
  if (!phoneNumber) throw fail.invalidNumber(input.PhoneNumber)
  if (!mayBeTaken(ctx, phoneNumber)) throw fail.numberNotAvailable(phoneNumber)
  const now = ctx.clock.now()
  const number: IncomingNumber = {
    sid: newSid('PN', 0, now, ctx.random),
    accountSid: caller.accountSid,
    phoneNumber,
    friendlyName: input.FriendlyName || (await formatNumber(phoneNumber)),
    settings: change(ctx, NEW, input),
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    if ((await insertNumber(tx, number)) === 0) throw fail.numberNotAvailable(phoneNumber)
    await audit(ctx, tx, caller, eventOf('created', number, Object.keys(input)))
  })
  return number
}

const mayBeTaken = ({ config }: Context, phoneNumber: string) =>
  isDevelopment(config) || Object.hasOwn(config.numbers, phoneNumber)

/** Whether the inbox stands in for all carriers, and any number may be anybody's. */
export const isDevelopment = ({ numbers, channels }: Pick<Context['config'], 'numbers' | 'channels'>) =>
  Object.keys(numbers).length === 0 && channels.sms.join() === 'inbox'

/** Throws 20404, and as `takeNumber`. */
export async function changeNumber(
  ctx: Context,
  caller: Caller,
  sid: string,
  input: NumberInput,
): Promise<IncomingNumber> {
  const before = await fetchNumber(ctx, caller.accountSid, sid)
  const changed: IncomingNumber = {
    ...before,
    friendlyName: input.FriendlyName ?? before.friendlyName,
    settings: change(ctx, before.settings, input),
    updatedAtMs: ctx.clock.now(),
  }
  await ctx.storage.write(async (tx) => {
    if ((await updateNumber(tx, changed)) === 0) throw notFound(sid)
    await audit(ctx, tx, caller, eventOf('updated', changed, Object.keys(input)))
  })
  return changed
}

/** From this answer on it is anybody's who may take it. Throws 20404. */
export async function releaseNumber(ctx: Context, caller: Caller, sid: string): Promise<void> {
  const number = await fetchNumber(ctx, caller.accountSid, sid)
  await ctx.storage.write(async (tx) => {
    if ((await deleteNumber(tx, caller.accountSid, sid)) === 0) throw notFound(sid)
    await audit(ctx, tx, caller, eventOf('deleted', number))
  })
}

/** Throws 20404. */
export async function fetchNumber(ctx: Context, accountSid: string, sid: string): Promise<IncomingNumber> {
  const number = await findNumber(ctx.storage.read, accountSid, sid)
  if (!number) throw notFound(sid)
  return number
}

function change(ctx: Context, before: NumberSettings, input: NumberInput): NumberSettings {
  for (const name of NOT_BUILT) if (input[name]) throw fail.unsupportedFeature(name)
  if (input.EmergencyStatus === 'Active') throw fail.unsupportedFeature('EmergencyStatus')
  if (input.VoiceReceiveMode === 'fax') throw fail.unsupportedFeature('VoiceReceiveMode')
  const address = (name: keyof NumberInput & string, kept: string) => {
    const given = input[name]
    if (given === undefined) return kept
    if (given && !parseDestination(String(given), ctx.webhooks.policy)) throw fail.invalidUrl(name)
    return String(given)
  }
  return {
    smsUrl: address('SmsUrl', before.smsUrl),
    smsMethod: input.SmsMethod ?? before.smsMethod,
    smsFallbackUrl: address('SmsFallbackUrl', before.smsFallbackUrl),
    smsFallbackMethod: input.SmsFallbackMethod ?? before.smsFallbackMethod,
    statusCallback: address('StatusCallback', before.statusCallback),
    statusCallbackMethod: input.StatusCallbackMethod ?? before.statusCallbackMethod,
    voiceUrl: address('VoiceUrl', before.voiceUrl),
    voiceMethod: input.VoiceMethod ?? before.voiceMethod,
    voiceFallbackUrl: address('VoiceFallbackUrl', before.voiceFallbackUrl),
    voiceFallbackMethod: input.VoiceFallbackMethod ?? before.voiceFallbackMethod,
    voiceCallerIdLookup: input.VoiceCallerIdLookup ?? before.voiceCallerIdLookup,
  }
}

/** What was given by name only: an address may hold a secret, and events are kept for ever. */
const eventOf = (
  what: 'created' | 'updated' | 'deleted',
  { sid, phoneNumber }: IncomingNumber,
  given: readonly string[] = [],
) => ({
  type: `incoming-phone-number.${what}`,
  resource: 'incoming-phone-number',
  sid,
  data: { phone_number: maskRecipient(phoneNumber), ...(given.length > 0 && { given: given.toSorted() }) },
})

const notFound = (sid: string) => fail.notFound(`/IncomingPhoneNumbers/${sid}`)
