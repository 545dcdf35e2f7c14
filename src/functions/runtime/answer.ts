import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Outcome } from './pools.ts'
import { type AnswerHead, HEADERS_TOO_LONG, MAX_HEADER_BYTES } from './protocol.ts'

/** Of the body; the request's limit, too. */
export const MAX_ANSWER_BYTES = 6 * 1024 * 1024
const MAX_HEADERS = 90
const DAY_SECONDS = 86_400

/** They belong to a connection, or to what stands between: reference §D2. Neither come in nor go out. */
const DROPPED = new Set([
  'connection',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'expect',
  'referer',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-real-ip',
])
const DROPPED_PREFIXES = ['x-forwarded-', 'x-accel-', 'x-amz', 'i-twilio-', 'i-t-', 'ot-']
/** The server sets these itself. */
const OWN = new Set(['content-length', 'keep-alive', 'date', 'x-shenanigans'])

/** The headers of a request that a function may see. */
export function headersForEvent(headers: Readonly<Record<string, string | string[]>>) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'host' && !isDropped(name)))
}

/** What comes of a child's answer. A child says what it likes: here is decided what of it goes out. */
export function judge(
  head: AnswerHead,
  body: Uint8Array,
  place: { domainName: string; nowMs: number },
): Outcome {
  if ('broken' in head) return { outcome: 'broken', reason: `${head.broken}` }
  if (body.length > MAX_ANSWER_BYTES)
    return { outcome: 'broken', reason: `an answer of ${body.length} bytes` }
  const { status } = head
  if (!Number.isInteger(status) || status < 200 || status > 599)
    return { outcome: 'broken', reason: 'a status that is none' }
  if (!isListOfPairs(head.headers)) return { outcome: 'broken', reason: 'headers that are none' }
  const headers: [string, string][] = []
  let headerBytes = 0
  for (const [name, value] of head.headers) {
    const key = name.toLowerCase()
    if (isDropped(key) || OWN.has(key)) continue
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      return { outcome: 'broken', reason: 'a header that cannot be sent' }
    }
    headerBytes += name.length + value.length
    const sent = key === 'set-cookie' ? restrainCookie(value, place) : value
    if (sent === undefined) return refuse(400, 'Cookies max-age cannot be greater than a day')
    headers.push([name, sent])
  }
  if (headers.length > MAX_HEADERS || headerBytes > MAX_HEADER_BYTES) return refuse(431, HEADERS_TOO_LONG)
  return { outcome: 'answered', status, headers, body }
}

const isListOfPairs = (headers: unknown) =>
  Array.isArray(headers) &&
  headers.every(
    (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((s) => typeof s === 'string'),
  )

const isDropped = (name: string) =>
  DROPPED.has(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix))

const refuse = (status: number, text: string): Outcome => ({
  outcome: 'answered',
  status,
  headers: [['content-type', 'text/plain; charset=utf8']],
  body: Buffer.from(text),
})

/**
 * A cookie is for this function's domain only, not for scripts, and over TLS; it lives a day at most: undefined where
 * it wants more. Reference §D7.
 */
function restrainCookie(cookie: string, { domainName, nowMs }: { domainName: string; nowMs: number }) {
  const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim())
  const named = new Map(
    attributes.map((attribute) => {
      const [name = '', value = ''] = attribute.split('=', 2)
      return [name.trim().toLowerCase(), value.trim()]
    }),
  )
  const maxAge = named.get('max-age')
  const expiresAtMs = Date.parse(named.get('expires') ?? '')
  // Max-Age wins over Expires; a date that is none counts for nothing.
  const seconds = maxAge === undefined ? (expiresAtMs - nowMs) / 1000 : Number(maxAge)
  if (seconds > DAY_SECONDS) return undefined
  const host = domainName.replace(/:\d+$/, '')
  const kept = attributes.map((attribute) => (/^domain\s*=/i.test(attribute) ? `Domain=${host}` : attribute))
  if (!named.has('httponly')) kept.push('HttpOnly')
  if (!named.has('secure')) kept.push('Secure')
  return [pair, ...kept].filter((part) => part !== '').join(';')
}
