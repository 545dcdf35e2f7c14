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

/** Up to here it is cheaper to copy a body behind its head than to give the system both. */
const SMALL_BYTES = 16 * 1024

/** Writes it, and besides it only what the platform has on every answer: its date, its length, and `x-shenanigans`. */
export function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { status, headers, body } = answer
  const hasLength = status !== 204 && status !== 304
  const all: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const before = all[key]
    all[key] = before === undefined ? value : [before, value].flat()
  }
  all['x-shenanigans'] = 'none'
  if (hasLength) all['content-length'] = String(body.length)
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  // The rest of what nobody reads is not waited for.
  if (!request.complete) response.shouldKeepAlive = false
  // That a connection is kept goes without saying.
  else if (request.httpVersion === '1.1') response.removeHeader('connection')
  response.writeHead(status, all)
  if (request.method === 'HEAD' || !hasLength) response.end()
  else if (body.length > SMALL_BYTES) response.end(body)
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'), 'latin1')
}
