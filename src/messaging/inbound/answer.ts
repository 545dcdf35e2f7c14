import type { Context } from '../../context.ts'
import { ApiError } from '../../http/errors.ts'
import type { Called } from '../../webhooks/call.ts'
import type { IncomingNumber } from '../incoming-phone-numbers/incoming-phone-number.ts'
import { findByPhoneNumber } from '../incoming-phone-numbers/store.ts'
import { type Callback, type Message, openBody } from '../messages/message.ts'
import { API_VERSION } from '../messages/progress.ts'
import { writeMessage } from '../messages/send.ts'
import { insertMessage, updateTry } from '../messages/store.ts'
import { parseTwiml, type TwimlMessage } from './twiml.ts'

/** Longer than a Function may run. */
const CALL_TIMEOUT_MS = 15_000
/** Of one message: what is called first, where that leads, and the fallback. */
const MAX_CALLS = 5
/** How long the node that took a message has it for itself: longer than all of its calls take. */
export const ANSWER_LEASE_MS = 90_000
const MAX_TRIES = 3
const RETRY_MS = 10_000
/** Of one document. */
const MAX_REPLIES = 20

/** Why there is no answer to go by, in the API's numbering. */
interface Fault {
  code: string
  text: string
  /** Nobody answered, or asks to come again. */
  mayRetry: boolean
}

interface Reply {
  messages: TwimlMessage[]
  redirect?: Callback
}

/**
 * Calls the address of the number that a message came to, and sends what that says in answer; the fallback's where it
 * fails. Where nobody answers it is called again, a few times.
 */
export async function answerMessage(ctx: Context, held: Message): Promise<void> {
  const number = await findByPhoneNumber(ctx.storage.system.read, held.to)
  const isTheirs = number?.accountSid === held.accountSid && number.settings.smsUrl !== ''
  if (!isTheirs || ctx.clock.now() >= held.expiresAtMs) return settle(ctx, held, [])
  const { messages, fault } = await ask(ctx, held, number)
  if (fault?.mayRetry && held.tries + 1 < MAX_TRIES) {
    const next = { ...held, tries: held.tries + 1, dueAtMs: ctx.clock.now() + RETRY_MS }
    await ctx.storage.system.write((tx) => updateTry(tx, next, held.dueAtMs))
    return
  }
  await settle(ctx, held, await writeReplies(ctx, held, messages))
}

/** Follows the number's address, and its fallback's, to what is to be sent. */
async function ask(ctx: Context, held: Message, { settings }: IncomingNumber) {
  const messages: TwimlMessage[] = []
  const form: Record<string, string> = parametersOf(held, openBody(ctx, held))
  let target: Callback | undefined = { url: settings.smsUrl, method: settings.smsMethod }
  let fallback: Callback | undefined = settings.smsFallbackUrl
    ? { url: settings.smsFallbackUrl, method: settings.smsFallbackMethod }
    : undefined
  let fault: Fault | undefined
  for (let calls = 0; target && calls < MAX_CALLS; calls++) {
    const asked: Callback = target
    const called = await ctx.webhooks.call(
      { accountSid: held.accountSid, ...asked, form },
      { keepsAnswer: true, timeoutMs: CALL_TIMEOUT_MS },
    )
    // The account is not active.
    if (!called) return { messages: [] }
    const read = await readReply(ctx, held, called)
    if ('code' in read) {
      fault = read
      raise(ctx, held, fault, asked)
      target = fallback
      fallback = undefined
      Object.assign(form, { ErrorCode: fault.code, ErrorUrl: asked.url })
    } else {
      fault = undefined
      messages.push(...read.messages.map((message) => resolveCallback(message, asked.url)))
      target = read.redirect && resolve(read.redirect, asked.url)
    }
  }
  return { messages, ...(fault && { fault }) }
}

/** What was answered, or why it is no answer. */
async function readReply(ctx: Context, held: Message, called: Called): Promise<Reply | Fault> {
  const failed = (text: string, mayRetry: boolean): Fault => ({ code: '11200', text, mayRetry })
  if (called.outcome === 'failed') return failed(called.reason, true)
  if (called.status < 200 || called.status >= 300)
    return failed(`HTTP ${called.status}`, called.status === 503)
  const { contentType = '', body = Buffer.alloc(0) } = called.answer ?? {}
  const text = body.toString('utf8')
  if (text.trim() === '') return { messages: [] }
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'text/plain') return { messages: [{ text: text.trim() }] }
  if (type !== 'text/xml' && type !== 'application/xml' && type !== 'text/html') {
    return { code: '12300', text: 'the answer is no TwiML by its Content-Type', mayRetry: false }
  }
  const twiml = await parseTwiml(text)
  if (!twiml) return { code: '12100', text: 'the answer is no well-formed TwiML', mayRetry: false }
  const [ignored] = twiml.ignored
  if (ignored !== undefined) {
    const warning = { code: '12200', text: `a message cannot be answered with <${ignored}>`, mayRetry: false }
    raise(ctx, held, warning, undefined, 'warning')
  }
  return twiml
}

/** Those that may go; of the others the account is told. */
async function writeReplies(
  ctx: Context,
  held: Message,
  messages: readonly TwimlMessage[],
): Promise<Message[]> {
  const written: Message[] = []
  for (const { text, to = held.from, from = held.to, callback = null } of messages.slice(0, MAX_REPLIES)) {
    try {
      const draft = { direction: 'outbound-reply', from, to, text, callback } as const
      written.push(await writeMessage(ctx, held.accountSid, draft))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      raise(ctx, held, { code: String(error.code), text: 'a reply was refused', mayRetry: false })
    }
  }
  return written
}

/** Nothing more is to be done about it; the replies are kept in the same unit, and then sent. */
async function settle(ctx: Context, held: Message, replies: readonly Message[]): Promise<void> {
  const next: Message = { ...held, tries: held.tries + 1, dueAtMs: null }
  const changed = await ctx.storage.system.write(async (tx) => {
    const changed = await updateTry(tx, next, held.dueAtMs)
    if (changed === 1) await Promise.all(replies.map((reply) => insertMessage(tx, reply)))
    return changed
  })
  if (changed === 1) for (const reply of replies) ctx.messaging.sends.add(reply)
}

const parametersOf = ({ sid, accountSid, from, to, segments }: Message, body: string) => ({
  MessageSid: sid,
  SmsSid: sid,
  SmsMessageSid: sid,
  AccountSid: accountSid,
  From: from,
  To: to,
  Body: body,
  NumMedia: '0',
  NumSegments: String(segments),
  SmsStatus: 'received',
  ApiVersion: API_VERSION,
})

/** Relative addresses are relative to the document. */
function resolve(target: Callback, base: string): Callback {
  const url = URL.canParse(target.url, base) ? new URL(target.url, base).href : target.url
  return { ...target, url }
}

const resolveCallback = (message: TwimlMessage, base: string): TwimlMessage =>
  message.callback ? { ...message, callback: resolve(message.callback, base) } : message

function raise(
  ctx: Context,
  { accountSid, sid }: Message,
  { code, text }: Fault,
  asked?: Callback,
  logLevel: 'error' | 'warning' = 'error',
): void {
  ctx.alerts.raise({
    accountSid,
    logLevel,
    errorCode: code,
    text: `An incoming message: ${text}`,
    resourceSid: sid,
    // Its path and query may hold a secret of the receiver's.
    ...(asked &&
      URL.canParse(asked.url) && { requestMethod: asked.method, requestUrl: new URL(asked.url).origin }),
  })
}
