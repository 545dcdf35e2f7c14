/** What runs inside a child: it loads the functions of one environment and runs them, one invocation at a time. */
import { createRequire } from 'node:module'
import {
  type AnswerHead,
  HEADERS_TOO_LONG,
  type InvokeHead,
  KIND,
  MAX_HEADER_BYTES,
  type StartHead,
} from '../protocol.ts'
import { endLog, limitLog, listen, log, noteBegin, send, sendAll } from './channel.ts'
import { connectThrough } from './connect.ts'
import { takeOverConsole } from './console.ts'
import { clearEnvironment, type HandlerContext, makeContext, publishVariables } from './context.ts'
import { type Event, readEvent } from './event.ts'
import { defineGlobals } from './globals.ts'
import { describeError, hideFolders, type Reply, replyWith, replyWithError, replyWithText } from './reply.ts'
import { restrainSignals } from './signals.ts'
import { findTwilioFrom } from './twilio.ts'

type Callback = (error?: unknown, value?: unknown) => void
type Handler = (context: HandlerContext, event: Event, callback: Callback) => unknown

const require = createRequire(import.meta.url)
let start: StartHead
let files: ReadonlyMap<string, string>
let context: HandlerContext
let isUnderWay = false
/** What the invocation under way has answered, and has not been sent yet. */
let given: Reply | undefined

listen((kind, head, body) => {
  if (kind === KIND.start) begin(head as StartHead)
  else if (kind === KIND.invoke) invoke(head as InvokeHead, body)
})
process.on('uncaughtException', endWith)
send(KIND.ready, {})

function begin(head: StartHead): void {
  start = head
  files = new Map(start.functions)
  context = makeContext(start, { path: '', domainName: '' })
  limitLog(start)
  clearEnvironment()
  publishVariables(start.variables)
  hideFolders([start.root, ...(start.modules === null ? [] : [start.modules])])
  takeOverConsole()
  restrainSignals()
  connectThrough(start.egress)
  findTwilioFrom(start.root)
  defineGlobals(start, () => context)
}

function invoke(head: InvokeHead, body: Buffer): void {
  noteBegin(head.number)
  context = makeContext(start, head)
  publishVariables({ ACCOUNT_SID: head.accountSid, AUTH_TOKEN: head.authToken, ...start.variables })
  let isAnswered = false
  /** What the same turn still does belongs to the invocation; if it never ends, so does this. */
  const answer = (reply: Reply) => {
    isAnswered = true
    given = reply
    setImmediate(() => {
      isUnderWay = false
      given = undefined
      endLog()
      void sendReply(reply)
    })
  }
  const callback: Callback = (error, value) => {
    if (isAnswered) return
    if (error) return answer(failWith(error))
    try {
      answer(replyWith(value))
    } catch (thrown) {
      answer(failWith(thrown))
    }
  }
  isUnderWay = true
  const event = readEventOr(() => answer(replyWithText(400, 'The body is not valid JSON')), head, body)
  if (!event) return
  try {
    const result = load(head.path)(context, event, callback)
    if (isThenable(result)) {
      result.then(
        (value) => value !== undefined && callback(null, value),
        (error) => callback(error ?? 'rejected'),
      )
    }
  } catch (error) {
    callback(error ?? 'thrown')
  }
}

function readEventOr(onError: () => void, head: InvokeHead, body: Buffer): Event | undefined {
  try {
    return readEvent(head, body)
  } catch {
    onError()
    return undefined
  }
}

/** Loaded once, as any module: what it keeps at its top level outlives an invocation. */
function load(path: string): Handler {
  const file = files.get(path)
  const { handler } = file === undefined ? {} : (require(file) as { handler?: unknown })
  if (typeof handler !== 'function') throw new Error(`Could not find a "handler" function in file ${path}.js`)
  return handler as Handler
}

function failWith(error: unknown): Reply {
  log('error', describeError(error).stack || String(error))
  return replyWithError(error)
}

function sendReply(reply: Reply, last?: true): Promise<void> {
  const { status, headers, body } = isTooLong(reply) ? replyWithText(431, HEADERS_TOO_LONG) : reply
  const head: AnswerHead =
    body.length > start.maxBodyBytes
      ? { broken: `an answer of ${body.length} bytes`, ...(last && { last }) }
      : { status, headers, ...(last && { last }) }
  return sendAll(KIND.answer, head, 'broken' in head ? undefined : body)
}

/** Nobody knows in what state the process is after something that nobody caught: it answers, and ends. */
function endWith(error: unknown): void {
  const failed = failWith(error)
  endLog()
  void (isUnderWay ? sendReply(given ?? failed, true) : Promise.resolve()).then(() => process.exit(1))
  isUnderWay = false
}

const isTooLong = ({ headers }: Reply) =>
  headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > MAX_HEADER_BYTES

const isThenable = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
