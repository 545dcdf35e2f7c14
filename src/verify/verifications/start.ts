import { isIP } from 'node:net'
import { requireVerified } from '../../accounts/trial.ts'
import type { Context } from '../../context.ts'
import { parseAddress } from '../../delivery/channels/address.ts'
import { resolveLocale } from '../../delivery/channels/locales.ts'
import type { Channel } from '../../delivery/provider.ts'
import { LEASE_MS } from '../../delivery/queue.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { type Attempt, attemptSlot, type MessageSpec } from '../attempts/attempt.ts'
import { insertAttempt } from '../attempts/store.ts'
import { checkFriendlyName, fetchService, type Service } from '../services/service.ts'
import { generateCode, openCode, sealCode } from './code.ts'
import { parseRecipient, type Recipient } from './recipient.ts'
import { insertStart, insertVerification, takeOpen, updateSends } from './store.ts'
import { endVerification, isLive, laneOf, type Place, placeOf, type Verification } from './verification.ts'

const MAX_SENDS = 5
const MAX_TAGS = 10
const MAX_TAG_LENGTH = 128

export interface StartInput {
  To: string
  Channel: Channel | 'auto'
  CustomFriendlyName?: string
  CustomMessage?: string
  SendDigits?: string
  Locale?: string
  CustomCode?: string
  Amount?: string
  Payee?: string
  RateLimits?: Record<string, unknown>
  ChannelConfiguration?: { template_id?: string; from?: string; from_name?: string; substitutions?: unknown }
  AppHash?: string
  TemplateSid?: string
  TemplateCustomSubstitutions?: string
  Templates?: string
  DeviceIp?: string
  EnableSnaClientToken?: boolean
  RiskCheck?: 'enable' | 'disable'
  Tags?: Record<string, unknown>
}

/** Whose verification it is. */
export interface Sender extends Pick<Caller, 'accountSid' | 'isTrial'> {
  /** For whom the account does it, where it does so for several that must not meet. */
  requester?: string
}

/** A start that may go ahead: all that the request alone decides. */
interface Plan {
  recipient: Recipient
  channel: Channel
  message: MessageSpec
  customCode: string | undefined
  amount: string | null
  payee: string | null
  lookup: Verification['lookup']
  tags: Record<string, string> | null
}

/**
 * Starts a verification, or sends the code of the one under way again: same sid, same code. The verification, its
 * attempt and the queued send are one commit; the send follows it.
 * Throws 60200 and its kin for bad input, 21608 for a trial account's stranger, 60203 after five sends, 60202 when no guesses are left, 60212.
 */
export async function startVerification(
  ctx: Context,
  sender: Sender,
  serviceSid: string,
  input: StartInput,
): Promise<Verification> {
  const path = `/Services/${serviceSid}/Verifications`
  const service = await fetchService(ctx, sender.accountSid, serviceSid, path)
  const plan = await planStart(ctx, sender, service, input, path)
  const place = placeOf(ctx, service, plan.recipient.key, sender.requester)
  return ctx.lanes.create(laneOf(place), async (lane) => {
    const { verification, attempt, code } =
      (await startAtOnce(ctx, service, plan, place)) ?? (await startInUnit(ctx, service, plan, place))
    lane.exhausted = undefined
    ctx.delivery.send(attempt, code)
    return verification
  })
}

/** The hot path where the engine can: one statement. Undefined when another verification holds the slot. */
async function startAtOnce(ctx: Context, service: Service, plan: Plan, place: Place) {
  const { fused } = ctx.storage
  if (!fused) return undefined
  const started = beginVerification(ctx, service, plan, place)
  return (await insertStart(fused, started.verification, started.attempt)) ? started : undefined
}

function startInUnit(ctx: Context, service: Service, plan: Plan, place: Place): Promise<Started> {
  return ctx.storage.write(async (tx) => {
    for (;;) {
      const started = beginVerification(ctx, service, plan, place)
      if (await insertVerification(tx, started.verification)) {
        await insertAttempt(tx, started.attempt)
        return started
      }
      const open = await takeOpen(tx, place, service, ctx.storage.forUpdate)
      // Freed between the two statements: by another node.
      if (!open) continue
      if (!isLive(open, ctx.clock.now())) {
        await endVerification(ctx, tx, open, 'expired')
        continue
      }
      if (open.status === 'max_attempts_reached') throw fail.maxChecks()
      if (open.sends.length >= MAX_SENDS) throw fail.maxSends()
      const resent = sendAgain(ctx, service, plan, open)
      await Promise.all([updateSends(tx, resent.verification), insertAttempt(tx, resent.attempt)])
      return resent
    }
  })
}

interface Started {
  verification: Verification
  attempt: Attempt
  code: string
}

function beginVerification(ctx: Context, service: Service, plan: Plan, place: Place): Started {
  const now = ctx.clock.now()
  const owner = { accountSid: service.accountSid, sid: newSid('VE', place.placement, now, ctx.random) }
  const code = plan.customCode ?? generateCode(ctx, service.settings.code_length)
  const verification: Verification = {
    ...owner,
    ...place,
    serviceSid: service.sid,
    recipient: plan.recipient.to,
    channel: plan.channel,
    status: 'pending',
    open: true,
    code: sealCode(ctx, owner, code),
    codeVersion: 1,
    sends: [],
    checks: 0,
    amount: plan.amount,
    payee: plan.payee,
    lookup: plan.lookup,
    tags: plan.tags,
    expiresAtMs: now + ctx.config.codeTtlSeconds * 1000,
    createdAtMs: now,
    updatedAtMs: now,
  }
  return addSend(ctx, plan, verification, code)
}

/**
 * The same code, unless the caller brings one of its own or binds it to another payment; the guesses that were made
 * stay made.
 */
function sendAgain(ctx: Context, service: Service, plan: Plan, open: Verification): Started {
  const { amount, payee } = plan
  const bound = amount === open.amount && payee === open.payee
  const kept = bound && open.code ? openCode(ctx, open, open.code) : undefined
  const code = plan.customCode ?? kept ?? generateCode(ctx, service.settings.code_length)
  const next = { ...open, amount, payee, tags: plan.tags ?? open.tags }
  if (code !== kept) {
    next.code = sealCode(ctx, open, code)
    next.codeVersion++
  }
  return addSend(ctx, plan, next, code)
}

function addSend(ctx: Context, plan: Plan, v: Verification, code: string): Started {
  const now = ctx.clock.now()
  const attempt: Attempt = {
    sid: newSid('VL', v.placement, now, ctx.random),
    placement: v.placement,
    accountSid: v.accountSid,
    serviceSid: v.serviceSid,
    verificationSid: v.sid,
    slot: attemptSlot(ctx, v.accountSid, plan.recipient.key),
    recipient: v.recipient,
    channel: plan.channel,
    country: plan.recipient.country ?? null,
    message: { ...plan.message, codeLength: code.length },
    codeVersion: v.codeVersion,
    status: 'queued',
    provider: null,
    errorCode: null,
    converted: false,
    priceMicros: null,
    dueAtMs: now + LEASE_MS,
    tries: 0,
    expiresAtMs: v.expiresAtMs,
    createdAtMs: now,
    updatedAtMs: now,
  }
  const send = { timeMs: now, channel: plan.channel, attemptSid: attempt.sid }
  return {
    verification: { ...v, channel: plan.channel, sends: [...v.sends, send], updatedAtMs: now },
    attempt,
    code,
  }
}

async function planStart(
  ctx: Context,
  { isTrial }: Sender,
  service: Service,
  input: StartInput,
  path: string,
): Promise<Plan> {
  const { settings } = service
  const channel = input.Channel === 'auto' ? 'sms' : input.Channel
  const recipient = await parseRecipient(input.To, channel)
  if (!recipient) throw fail.invalidTo(input.To)
  if (isTrial) await requireVerified(ctx, service.accountSid, recipient.key)
  checkWhatIsNotBuilt(input)
  if (input.DeviceIp && isIP(input.DeviceIp) === 0) throw fail.invalidParameter('DeviceIp')
  checkRateLimits(input.RateLimits)
  const tags = checkTags(input.Tags)
  if (input.AppHash && channel !== 'sms') throw fail.appHashChannel()
  if (input.CustomCode && !settings.custom_code_enabled) throw fail.unsupportedFeature('CustomCode')
  if (input.CustomFriendlyName) {
    if (!ctx.config.customFriendlyName) throw fail.unsupportedFeature('CustomFriendlyName')
    checkFriendlyName(input.CustomFriendlyName, 'CustomFriendlyName')
  }
  const { amount, payee } = checkPsd2(service, channel, input)
  const locale = resolveLocale(input.Locale || undefined, recipient.country)
  if (!locale) throw fail.notFound(path)
  if (!ctx.delivery.serves(channel)) throw fail.channelDisabled(channel)
  if (settings.lookup_enabled && settings.skip_sms_to_landlines && channel === 'sms') {
    if (recipient.lineType === 'landline') throw fail.landline()
  }
  return {
    recipient,
    channel,
    message: {
      locale,
      friendlyName: input.CustomFriendlyName || settings.friendly_name,
      codeLength: settings.code_length,
      ...(isTrial && { trial: true }),
      doNotShare: settings.do_not_share_warning_enabled && channel === 'sms',
      ...(input.AppHash && { appHash: input.AppHash }),
      ...(input.SendDigits && channel === 'call' && { sendDigits: input.SendDigits }),
      ...(amount && payee && { amount, payee }),
      ...(channel === 'email' && sender(input.ChannelConfiguration)),
    },
    customCode: input.CustomCode || undefined,
    amount,
    payee,
    lookup: settings.lookup_enabled && channel !== 'email' ? { type: recipient.lineType ?? null } : null,
    tags,
  }
}

/** What would change the message and cannot be done yet is refused, not ignored. */
function checkWhatIsNotBuilt({
  CustomMessage,
  TemplateSid,
  TemplateCustomSubstitutions,
  Templates,
  ChannelConfiguration,
}: StartInput) {
  const asked = { CustomMessage, TemplateSid, TemplateCustomSubstitutions, Templates }
  for (const [name, value] of Object.entries(asked)) if (value) throw fail.unsupportedFeature(name)
  if (ChannelConfiguration?.template_id || ChannelConfiguration?.substitutions) {
    throw fail.unsupportedFeature('ChannelConfiguration templates')
  }
}

function checkPsd2({ settings }: Service, channel: Channel, { Amount, Payee }: StartInput) {
  if (!settings.psd2_enabled) {
    // A code that the caller takes to be bound to a payment must not go out unbound.
    if (Amount || Payee) throw fail.unsupportedFeature('Amount and Payee')
    return { amount: null, payee: null }
  }
  if (!Amount || !Payee) throw fail.psd2Required()
  if (channel === 'call') throw fail.psd2Call()
  return { amount: Amount, payee: Payee }
}

function checkRateLimits(limits: StartInput['RateLimits']): void {
  for (const value of Object.values(limits ?? {})) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw fail.invalidParameter('RateLimits')
  }
}

function checkTags(tags: StartInput['Tags']): Record<string, string> | null {
  if (!tags) return null
  const entries = Object.entries(tags)
  const fits = (text: unknown) => typeof text === 'string' && text.length <= MAX_TAG_LENGTH
  if (entries.length > MAX_TAGS || !entries.every(([key, value]) => fits(key) && fits(value))) {
    throw fail.invalidParameter('Tags')
  }
  return tags as Record<string, string>
}

function sender(configuration: StartInput['ChannelConfiguration']): { from?: string; fromName?: string } {
  const { from, from_name } = configuration ?? {}
  const address = from ? parseAddress(from)?.address : undefined
  if (from && !address) throw fail.invalidParameter('ChannelConfiguration')
  return { ...(address && { from: address }), ...(from_name && { fromName: from_name }) }
}
