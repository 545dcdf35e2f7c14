import { dirname } from 'node:path'
import { TwilioResponse } from './response.ts'

/** What goes over the wire for what a handler gave. */
export interface Reply {
  status: number
  headers: [name: string, value: string][]
  body: Uint8Array
}

const NOTHING = Buffer.alloc(0)

/** Only what is not a Response of the function's own is guarded against being read as something else: reference §D5. */
const GUARDS: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['x-xss-protection', '1; mode=block'],
]

/** Of `callback(null, value)`. Throws what JSON or the value's own methods throw. */
export function replyWith(value: unknown): Reply {
  if (value instanceof TwilioResponse || isForeignResponse(value)) return replyWithResponse(value)
  if (typeof value === 'string') return plain(200, 'text/plain; charset=utf8', value)
  if (isTwiml(value)) return plain(200, 'text/xml; charset=utf8', value.toString())
  return plain(200, 'application/json', value === null || value === undefined ? '' : toJson(value))
}

/** Of `callback(error)` and of whatever a handler throws. */
export function replyWithError(error: unknown): Reply {
  if (typeof error === 'string') return plain(500, 'text/plain; charset=utf8', error)
  return plain(500, 'application/json', JSON.stringify(describeError(error)))
}

interface ErrorBody {
  message: string
  name: string
  stack: string
}

/** Never throws, whatever was thrown. */
export function describeError(error: unknown): ErrorBody {
  try {
    const { message = '', name = 'Error', stack } = (error ?? {}) as Partial<Error>
    if (typeof stack === 'string')
      return { message: hidePlaces(`${message}`), name: `${name}`, stack: hidePlaces(stack) }
    const made = new Error(typeof error === 'object' ? `${message}` : String(error))
    return { message: made.message, name: 'Error', stack: hidePlaces(made.stack ?? '') }
  } catch {
    return { message: '', name: 'Error', stack: '' }
  }
}

/** This program, as stacks name it. */
const PROGRAM = dirname(import.meta.dirname)
/**
 * Of a stack, what called the function: this program, and Node. An inspected error may go on behind a place: that
 * stays.
 */
const CALLERS = new RegExp(
  `\\n(?: +at .*(?:${RegExp.escape(PROGRAM)}|\\bnode:).*?:\\d+:\\d+\\)?|- ${RegExp.escape(PROGRAM)}.*)`,
  'g',
)
let places: readonly string[] = [PROGRAM]

/** What of the machine's folders nobody has to read: the parts of paths before a project's own. */
export function hideFolders(folders: readonly string[]): void {
  places = [...folders, PROGRAM]
}

/** An error or a line of the log as developers may see it. */
export const hidePlaces = (text: string) =>
  places.reduce((rest, place) => rest.replaceAll(place, ''), text.replace(CALLERS, ''))

export const replyWithText = (status: number, text: string) => plain(status, 'text/plain; charset=utf8', text)

function plain(status: number, contentType: string, text: string): Reply {
  return {
    status,
    headers: [
      ['content-type', contentType],
      ...GUARDS.map(([name, value]): [string, string] => [name, value]),
    ],
    body: Buffer.from(text),
  }
}

function replyWithResponse({ statusCode, headers, body }: TwilioResponse): Reply {
  const pairs: [string, string][] = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, `${one}`]),
  )
  const [bytes, contentType] = encodeBody(body)
  if (bytes.length > 0 && !pairs.some(([name]) => name.toLowerCase() === 'content-type'))
    pairs.push(['content-type', contentType])
  return { status: Number(statusCode), headers: pairs, body: bytes }
}

function encodeBody(body: unknown): [bytes: Uint8Array, contentType: string] {
  if (body === null || body === undefined) return [NOTHING, '']
  if (typeof body === 'string') return [Buffer.from(body), 'application/octet-stream']
  if (body instanceof Uint8Array) return [body, 'application/octet-stream']
  if (isTwiml(body)) return [Buffer.from(body.toString()), 'text/xml; charset=utf8']
  return [Buffer.from(toJson(body)), 'application/json']
}

/** A function or a symbol has no JSON. */
const toJson = (value: unknown) => JSON.stringify(value) ?? ''

/** That of the runtime-handler package, where a function makes its own. */
const isForeignResponse = (value: unknown): value is TwilioResponse =>
  typeof value === 'object' &&
  value !== null &&
  value.constructor?.name === 'Response' &&
  'statusCode' in value &&
  'headers' in value &&
  typeof value.headers === 'object' &&
  value.headers !== null

/** Every version of the library has its documents inherit from `TwiML`. */
function isTwiml(value: unknown): value is object {
  if (typeof value !== 'object') return false
  for (let proto: unknown = value; proto; proto = Object.getPrototypeOf(proto)) {
    if ((proto as object).constructor?.name === 'TwiML') return true
  }
  return false
}
