import type { IncomingMessage, ServerResponse } from 'node:http'

export type Header = readonly [name: string, value: string]

/** What a request to a Function or an asset is answered, before what all answers have. */
export interface Answer {
  status: number
  headers: readonly Header[]
  body: Uint8Array
}

export const sayText = (status: number, text: string, headers: readonly Header[] = []): Answer => ({
  status,
  headers: [['content-type', 'text/plain; charset=utf8'], ...headers],
  body: Buffer.from(text),
})

/** Writes it, and besides it only what the platform has on every answer: its date, its length, and `x-shenanigans`. */
export function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { status, headers, body } = answer
  const hasLength = status !== 204 && status !== 304
  const all: readonly Header[] = [
    ...headers,
    ['x-shenanigans', 'none'],
    ...(hasLength ? [['content-length', String(body.length)] as const] : []),
  ]
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  // The rest of what nobody reads is not waited for.
  if (!request.complete) response.shouldKeepAlive = false
  // That a connection is kept goes without saying.
  else if (request.httpVersion === '1.1') response.removeHeader('connection')
  response.statusCode = status
  const named = Map.groupBy(all, ([name]) => name.toLowerCase())
  for (const [name, pairs] of named) {
    const values = pairs.map(([, value]) => value)
    response.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
  }
  response.end(request.method === 'HEAD' || !hasLength ? undefined : body)
}
