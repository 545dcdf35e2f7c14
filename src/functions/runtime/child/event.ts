import { parse as parseForm } from 'node:querystring'
import type { InvokeHead } from '../protocol.ts'
import { parseQuery } from './query.ts'

/** What a handler gets as its second argument: the parameters, those of the body before those of the query. */
export type Event = Record<string, unknown>

/** Throws a SyntaxError where the body says that it is JSON, and is not. */
export function readEvent({ query, headers }: InvokeHead, body: Buffer): Event {
  return {
    request: { headers, cookies: parseCookies(first(headers.cookie)) },
    ...(query !== '' && parseQuery(query)),
    ...(body.length > 0 && parseBody(first(headers['content-type']), body)),
  }
}

const first = (value: string | readonly string[] = '') =>
  typeof value === 'string' ? value : (value[0] ?? '')

function parseBody(contentType: string, body: Buffer): object {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') return parseForm(body.toString())
  if (type !== 'application/json') return {}
  const value: unknown = JSON.parse(body.toString())
  if (typeof value !== 'object' || value === null)
    throw new SyntaxError('The body is neither an object nor an array')
  return value
}

function parseCookies(header: string): Record<string, string> {
  const cookies: Record<string, string> = {}
  for (const pair of header === '' ? [] : header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const name = pair.slice(0, equals).trim()
    if (Object.hasOwn(cookies, name) || name === '__proto__') continue
    const value = pair.slice(equals + 1).trim()
    cookies[name] = decodeCookie(value.replace(/^"(.*)"$/, '$1'))
  }
  return cookies
}

function decodeCookie(value: string): string {
  try {
    return value.includes('%') ? decodeURIComponent(value) : value
  } catch {
    return value
  }
}
