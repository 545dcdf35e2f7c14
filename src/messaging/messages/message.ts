import type { Context } from '../../context.ts'
import { segmentCount } from '../../delivery/gsm.ts'
import { newSid } from '../../storage/sid.ts'

export type Status =
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'undelivered'
  | 'failed'
  | 'canceled'
  | 'received'

export type Direction = 'inbound' | 'outbound-api' | 'outbound-reply'

/** What is called when the status of a message changes. */
export interface Callback {
  url: string
  method: 'GET' | 'POST'
}

/** A text message, and its own entry in a queue while `dueAtMs` is set: to be sent, or one that came, to be answered. */
export interface Message {
  sid: string
  placement: number
  accountSid: string
  direction: Direction
  from: string
  to: string
  /** Sealed; null once it was redacted. */
  body: Uint8Array | null
  segments: number
  status: Status
  errorCode: string | null
  provider: string | null
  /** By the rate table, in millionths of its currency; null until a provider has taken it. */
  priceMicros: number | null
  callback: Callback | null
  dueAtMs: number | null
  tries: number
  /** Never sent, or answered, after. */
  expiresAtMs: number
  sentAtMs: number | null
  createdAtMs: number
  updatedAtMs: number
}

export interface NewMessage
  extends Pick<Message, 'accountSid' | 'direction' | 'from' | 'to' | 'status' | 'callback' | 'dueAtMs'> {
  text: string
  /** How long it may wait to be sent, or answered. */
  lifeMs: number
}

export const messageBodySealedAs = (accountSid: string, sid: string) => `${accountSid}/${sid}/body`

/** A message that is not in the database yet. */
export function makeMessage(ctx: Context, { text, lifeMs, ...given }: NewMessage): Message {
  const now = ctx.clock.now()
  const { accountSid, direction, from, to } = given
  const placement = ctx.placementOf('message', accountSid, direction === 'inbound' ? from : to)
  const sid = newSid('SM', placement, now, ctx.random)
  return {
    ...given,
    sid,
    placement,
    body: ctx.vault.seal(Buffer.from(text, 'utf8'), messageBodySealedAs(accountSid, sid)),
    segments: segmentCount(text),
    errorCode: null,
    provider: null,
    priceMicros: null,
    tries: 0,
    expiresAtMs: now + lifeMs,
    sentAtMs: direction === 'inbound' ? now : null,
    createdAtMs: now,
    updatedAtMs: now,
  }
}

/** Empty once it was redacted. */
export const openBody = ({ vault }: Pick<Context, 'vault'>, { accountSid, sid, body }: Message): string =>
  body === null ? '' : vault.open(body, messageBodySealedAs(accountSid, sid)).toString('utf8')
