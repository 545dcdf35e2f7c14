import type { IncomingMessage } from 'node:http'

/** In bytes, over all requests to Functions that are under way, their answers included. */
const MAX_HELD = 128 * 1024 * 1024
const MAX_BODY = 6 * 1024 * 1024
const MAX_HEADERS = 90
const MAX_HEADER_BYTES = 15 * 1024

/**
 * How much memory the bodies of requests and answers hold. Functions are open to everybody, and so may not take what the
 * rest of the server needs.
 */
export class HeldBytes {
  #held = 0

  /** False where that is too much. */
  take(bytes: number): boolean {
    if (this.#held + bytes > MAX_HELD) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}

/** The body of a request, as far as `take` lets it in; or why there is none. Rejects where the client goes away. */
export function readBody(
  request: IncomingMessage,
  take: (bytes: number) => boolean,
): Promise<Buffer | 'too large' | 'no room'> {
  const length = Number(request.headers['content-length'] ?? 0)
  if (length > MAX_BODY) return Promise.resolve('too large')
  // To wait for the end of nothing would cost as much as all else that is done for the request here.
  if (length === 0 && request.httpVersionMajor === 1 && request.headers['transfer-encoding'] === undefined)
    return Promise.resolve(Buffer.alloc(0))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const lose = () => reject(new Error('the client went away'))
    if (request.destroyed) return lose()
    request.on('error', lose).on('close', lose)
    request.on('end', () => resolve(Buffer.concat(chunks, length)))
    request.on('data', function read(chunk: Buffer) {
      length += chunk.length
      chunks.push(chunk)
      const refusal = length > MAX_BODY ? 'too large' : take(chunk.length) ? undefined : 'no room'
      if (refusal === undefined) return
      request.off('data', read).pause()
      resolve(refusal)
    })
  })
}

/** Whether they are more than the platform takes: 431. */
export function areHeadersTooLong({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length / 2 > MAX_HEADERS || rawHeaders.join('').length > MAX_HEADER_BYTES
}

/** By name in lower case; what was sent several times is a list. */
export function headersOf({ rawHeaders, headers }: IncomingMessage): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const value = rawHeaders[i + 1] ?? ''
    const before = found[name]
    found[name] = before === undefined ? value : [before, value].flat()
  }
  // Those of HTTP/2 may come one by one.
  if (headers.cookie !== undefined) found.cookie = headers.cookie
  for (const name of Object.keys(found)) if (name.startsWith(':')) delete found[name]
  return found
}
