import type { Clock, Random } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Tx } from '../storage/storage.ts'

/** The channels that carry a message. */
export const CHANNELS = ['sms', 'call', 'email', 'whatsapp'] as const
export type Channel = (typeof CHANNELS)[number]

/** One message, ready to go: of an attempt, or one that a program wrote. */
export interface Outgoing {
  accountSid: string
  /** Of the attempt or the message. The same at each try. */
  sid: string
  /** Of an attempt only. */
  verificationSid?: string
  channel: Channel
  /** E.164, where it has to go out as from this number. */
  from?: string
  /** E.164, or an e-mail address as the caller typed it. */
  to: string
  /** What the person reads or hears. */
  body: string
  /** What of the body is secret, of an attempt only: apart for providers that put it into a template of their own. */
  code?: string
  /** BCP 47, of `body`. */
  locale: string
  /** E-mail only. */
  email?: { subject: string; html: string; from?: string; fromName?: string }
  /** Calls only: DTMF to send after pick-up. */
  sendDigits?: string
  /** Never deliver after this. Milliseconds since 1970. */
  expiresAtMs: number
}

/** What a provider made of one hand-over. A provider's "no" is a value, never an exception. */
export type SendResult =
  | {
      outcome: 'accepted'
      messageId: string
      segments?: number
      /** Set by the inbox, where being taken is being delivered: kept in the same commit as the outcome. */
      deliveredBy?: (tx: Tx) => Promise<unknown>
      /** Called after that commit. */
      recorded?: () => void
    }
  | {
      outcome: 'rejected'
      kind: 'bad_number' | 'blocked' | 'content' | 'config' | 'funds'
      code: string
      detail?: string
    }
  /** Not taken now. With `retryAfterMs` the other side is well and asks for patience: throttled, greylisted. */
  | { outcome: 'busy'; code: string; retryAfterMs?: number; detail?: string }
  /** Nothing left this process, by limits of its own: the other side was not asked, which says nothing about it. */
  | { outcome: 'untried'; code: string }
  /** No answer after bytes left: it may have been sent. */
  | { outcome: 'unknown'; code: string; detail?: string }

export interface Receipt {
  providerId: string
  messageId: string
  state: 'sent' | 'delivered' | 'undelivered' | 'failed'
  /** The carrier's own code, if it gave one. */
  code?: string
}

/** A message that came from a person. */
export interface Incoming {
  providerId: string
  /** E.164 where the carrier says so, else as the carrier has it: a short code, a name. */
  from: string
  /** The same. */
  to: string
  body: string
  /** Where it is a part of a longer one. */
  part?: { reference: number; total: number; n: number }
}

export interface Health {
  state: 'up' | 'degraded' | 'down'
  sinceMs: number
  detail?: string
}

export interface Provider {
  readonly id: string
  /** True where receipts will tell what became of a message that was accepted. */
  readonly hasReceipts: boolean
  /** How many more messages would be on their way at once, or within a second or so. */
  capacity(): number
  send(message: Outgoing, signal: AbortSignal): Promise<SendResult>
  health(): Health
  /** Takes no more, waits for what is under way, closes. */
  close(): Promise<void>
}

/** What a provider is given of the world. */
export interface ProviderWorld {
  clock: Clock
  random: Random
  log: Log
  /** Resolves once the receipt is durable; only then may the carrier be told so. */
  receipt(receipt: Receipt): Promise<void>
  /** Resolves once the message is durable, or is nobody's; only then may the carrier be told so. */
  incoming(message: Incoming): Promise<void>
}
