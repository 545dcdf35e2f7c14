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
export async function readBody(
  request: IncomingMessage,
  take: (bytes: number) => boolean,
): Promise<Buffer | 'too large' | 'no room'> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return 'too large'
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.length
    if (length > MAX_BODY) return 'too large'
    if (!take(chunk.length)) return 'no room'
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
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
