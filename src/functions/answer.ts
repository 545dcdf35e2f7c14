import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'

export type Header = readonly [name: string, value: string]

/** What a request to a Function or an asset is answered, before what all answers have. */
export interface Answer {
  status: number
  headers: readonly Header[]
  body: Uint8Array
  /** Of a body that is not here, because nobody wants it. */
  length?: number
}

export const sayText = (status: number, text: string, headers: readonly Header[] = []): Answer => ({
  status,
  headers: [['content-type', 'text/plain; charset=utf8'], ...headers],
  body: Buffer.from(text),
})

/** Up to here it is cheaper to copy a body behind its head than to give the system both. */
const SMALL_BYTES = 16 * 1024
/** A client that has not taken so much after so long is cut off: memory waits for it, and Functions are open to everybody. */
const PIECE_BYTES = 256 * 1024
const PATIENCE_MS = 30_000

/**
 * Writes it, and besides it only what the platform has on every answer: its date, its length, and `x-shenanigans`. A
 * client that does not read is cut off.
 */
export function sendAnswer(
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): void {
  const { status, headers, body, length = body.length } = answer
  const hasLength = status !== 204 && status !== 304
  const all: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const before = all[key]
    all[key] = before === undefined ? value : [before, value].flat()
  }
  all['x-shenanigans'] = 'none'
  if (hasLength) all['content-length'] = String(length)
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  // The rest of what nobody reads is not waited for.
  if (!request.complete) response.shouldKeepAlive = false
  // That a connection is kept goes without saying.
  else if (request.httpVersion === '1.1') response.removeHeader('connection')
  response.writeHead(status, all)
  const isWanted = request.method !== 'HEAD' && hasLength
  if (isWanted && body.length > SMALL_BYTES) {
    writePieces(clock, request, response, body)
    return
  }
  if (isWanted)
    response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'), 'latin1')
  else response.end()
  // Mostly the system has taken it by now.
  if (!response.writableFinished) response.once('close', expectProgress(clock, request, response))
}

function writePieces(
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
): void {
  let cancel = () => {}
  response.once('close', () => cancel())
  const write = (at: number) => {
    cancel()
    cancel = expectProgress(clock, request, response)
    const end = at + PIECE_BYTES
    const piece = body.subarray(at, end)
    if (end >= body.length) response.end(piece)
    else response.write(piece, (error) => error || write(end))
  }
  write(0)
}

const expectProgress = (clock: Clock, request: IncomingMessage, response: ServerResponse) =>
  clock.after(PATIENCE_MS, () => cutOff(request, response))

/** Ends what cannot be answered to its end: of HTTP/1 the connection. */
export function cutOff(request: IncomingMessage, response: ServerResponse): void {
  if (request.httpVersionMajor === 1) request.socket.destroy()
  else response.destroy()
}
