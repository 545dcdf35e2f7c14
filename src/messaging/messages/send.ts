import { isVerified } from '../../accounts/trial.ts'
import type { Context } from '../../context.ts'
import { TRIAL_HEADING } from '../../delivery/channels/message-text.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { parsePhone } from '../../verify/verifications/recipient.ts'
import { parseDestination } from '../../webhooks/destination.ts'
import { isDevelopment } from '../incoming-phone-numbers/incoming-phone-number.ts'
import { ownsNumber } from '../incoming-phone-numbers/store.ts'
import { SEND_LEASE_MS } from './deliver.ts'
import { type Callback, type Direction, type Message, makeMessage } from './message.ts'
import { insertMessage } from './store.ts'

const MAX_CHARACTERS = 1600
const VALIDITY_SECONDS = 36_000

/** By their names on the wire. */
export interface SendInput {
  To: string
  From?: string
  Body?: string
  StatusCallback?: string
  ValidityPeriod?: number
  [refused: string]: unknown
}

/** What would change the message or when it goes, and is not built. */
const NOT_BUILT = [
  'MessagingServiceSid',
  'ApplicationSid',
  'ContentSid',
  'ContentVariables',
  'MediaUrl',
  'PersistentAction',
  'ScheduleType',
  'SendAt',
  'SendAsMms',
  'ShortenUrls',
  'SmartEncoded',
  'MaxPrice',
  'FallbackFrom',
]

/** Keeps a message and begins to send it. Throws as `writeMessage`, and 60204 for what is not built. */
export async function sendMessage(ctx: Context, { accountSid }: Caller, input: SendInput): Promise<Message> {
  const asked = NOT_BUILT.find((name) => input[name])
  if (asked) throw fail.unsupportedFeature(asked)
  if (input.ContentRetention === 'discard') throw fail.unsupportedFeature('ContentRetention')
  if (input.AddressRetention === 'obfuscate') throw fail.unsupportedFeature('AddressRetention')
  const message = await writeMessage(ctx, accountSid, {
    direction: 'outbound-api',
    from: input.From ?? '',
    to: input.To,
    text: input.Body ?? '',
    callback: input.StatusCallback ? { url: input.StatusCallback, method: 'POST' } : null,
    validitySeconds: input.ValidityPeriod,
  })
  await ctx.storage.write((tx) => insertMessage(tx, message))
  ctx.messaging.sends.add(message)
  return message
}

export interface Draft {
  direction: Direction
  from: string
  to: string
  text: string
  callback: Callback | null
  validitySeconds?: number | undefined
}

/**
 * A message that may go, taken by this node but not in the database yet. Throws 21211 and its kin for numbers, 21606 for
 * a sender that is not the account's, 21602 and 21617 for the text, 21608 for a trial account's stranger, 21609, 60223.
 */
export async function writeMessage(ctx: Context, accountSid: string, draft: Draft): Promise<Message> {
  if (!ctx.delivery.serves('sms')) throw fail.channelDisabled('sms')
  const recipient = await parsePhone(draft.to)
  if (!recipient) throw fail.invalidMessageTo(draft.to)
  const from = await checkSender(ctx, accountSid, draft.from)
  if (draft.text === '') throw fail.bodyRequired()
  if (draft.text.length > MAX_CHARACTERS) throw fail.bodyTooLong()
  if (draft.callback && !parseDestination(draft.callback.url, ctx.webhooks.policy)) {
    throw fail.invalidStatusCallback()
  }
  const isTrial = (await ctx.known.account(accountSid))?.kind === 'Trial'
  if (isTrial && !(await isVerified(ctx, accountSid, recipient.key))) throw fail.unverifiedTo()
  return makeMessage(ctx, {
    accountSid,
    direction: draft.direction,
    from,
    to: recipient.to,
    text: isTrial ? TRIAL_HEADING + draft.text : draft.text,
    status: 'queued',
    callback: draft.callback,
    dueAtMs: ctx.clock.now() + SEND_LEASE_MS,
    lifeMs: (draft.validitySeconds ?? VALIDITY_SECONDS) * 1000,
  })
}

async function checkSender(ctx: Context, accountSid: string, given: string): Promise<string> {
  if (given === '') throw fail.fromRequired()
  const from = (await parsePhone(given))?.to
  if (!from) throw fail.invalidFrom(given)
  if (isDevelopment(ctx.config) || (await ownsNumber(ctx.storage.read, accountSid, from))) return from
  throw fail.notOwnFrom(from)
}
