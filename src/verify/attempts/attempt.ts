import type { CountryCode } from 'libphonenumber-js/max'
import type { Context } from '../../context.ts'
import type { Locale } from '../../delivery/channels/texts.ts'
import type { Channel } from '../../delivery/provider.ts'
import { fail } from '../../http/errors.ts'
import { isSid } from '../../storage/sid.ts'
import { findAttempt } from './store.ts'

/** What is needed to write a message again at any try, but for the code: that stays with the verification. */
export interface MessageSpec {
  locale: Locale
  friendlyName: string
  codeLength: number
  doNotShare: boolean
  /** Of a trial account: the message says so. */
  trial?: boolean
  appHash?: string
  sendDigits?: string
  amount?: string
  payee?: string
  from?: string
  fromName?: string
}

/** How far a message has come. `canceled`: before it was sent the verification ended, or a trial account's number was removed. */
export type MessageStatus = 'queued' | 'sent' | 'delivered' | 'undelivered' | 'failed' | 'canceled'

/** One send of a code, and its own entry in the delivery queue while `dueAtMs` is set. */
export interface Attempt {
  sid: string
  placement: number
  accountSid: string
  serviceSid: string
  verificationSid: string
  /** Keyed hash of account and recipient: finds what one recipient was sent, in whatever service. */
  slot: Uint8Array
  recipient: string
  channel: Channel
  country: CountryCode | null
  message: MessageSpec
  /** Of the verification's code when this send was asked for: another code does not belong with this message. */
  codeVersion: number
  status: MessageStatus
  provider: string | null
  errorCode: string | null
  converted: boolean
  /** By the rate table, in millionths of its currency; null until a provider has taken it. */
  priceMicros: number | null
  /** When it may next be taken; null once it is settled. */
  dueAtMs: number | null
  tries: number
  /** When its verification expires: never delivered after. */
  expiresAtMs: number
  createdAtMs: number
  updatedAtMs: number
}

/** The longest life that a code can be configured to have: later nothing is sent, and nothing converts, any more. */
export const LONGEST_CODE_LIFE_MS = 86_400_000

/** How many attempts were made, and how many of them led to an approval. */
export interface Tally {
  total: number
  converted: number
}

export const attemptSlot = (ctx: Context, accountSid: string, recipientKey: string) =>
  ctx.hash('attempts', accountSid, recipientKey).subarray(0, 16)

/** Throws 20404 for one of another account, and for one that was never there. */
export async function fetchAttempt(ctx: Context, accountSid: string, sid = ''): Promise<Attempt> {
  const attempt = isSid(sid) ? await findAttempt(ctx.storage.read, accountSid, sid) : undefined
  if (!attempt) throw fail.notFound(`/Attempts/${sid}`)
  return attempt
}
