import type { IncomingMessage } from 'node:http'

/** In bytes, over all requests to Functions that are under way, their answers included. */
export const MAX_HELD = 128 * 1024 * 1024
const MAX_BODY = 6 * 1024 * 1024
const MAX_HEADERS = 90
const MAX_HEADER_BYTES = 15 * 1024

/** What one request holds. It fails to take what is too much, and everything once it is over. */
export interface Holding {
  take(bytes: number): boolean
  /** A content in memory, which counts once for all requests that hold it. */
  share(hash: string, bytes: number): boolean
  release(): void
}

/**
 * How much memory the bodies of requests and answers hold. Functions are open to everybody, and so may not take what the
 * rest of the server needs. No account may hold more than it leaves to the others: however many take all they can, there
 * is as much again for one more.
 */
export class HeldBytes {
  #free = MAX_HELD
  readonly #ofAccounts = new Map<string, number>()
  readonly #users = new Map<string, number>()

  hold(accountSid: string): Holding {
    let own = 0
    let isOver = false
    const shared: { key: string; bytes: number }[] = []
    return {
      take: (bytes) => {
        const fits = !isOver && this.#take(accountSid, bytes)
        if (fits) own += bytes
        return fits
      },
      share: (hash, bytes) => {
        const key = `${accountSid}/${hash}`
        const users = this.#users.get(key) ?? 0
        if (isOver || (users === 0 && !this.#take(accountSid, bytes))) return false
        this.#users.set(key, users + 1)
        shared.push({ key, bytes })
        return true
      },
      release: () => {
        isOver = true
        for (const { key, bytes } of shared) if (this.#leave(key)) own += bytes
        this.#give(accountSid, own)
      },
    }
  }

  #take(accountSid: string, bytes: number): boolean {
    const held = this.#ofAccounts.get(accountSid) ?? 0
    if (held + bytes > this.#free - bytes) return false
    this.#free -= bytes
    if (bytes > 0) this.#ofAccounts.set(accountSid, held + bytes)
    return true
  }

  #give(accountSid: string, bytes: number): void {
    const left = (this.#ofAccounts.get(accountSid) ?? 0) - bytes
    this.#free += bytes
    if (left > 0) this.#ofAccounts.set(accountSid, left)
    else this.#ofAccounts.delete(accountSid)
  }

  /** Whether that was the last user of a content. */
  #leave(key: string): boolean {
    const users = (this.#users.get(key) ?? 0) - 1
    if (users > 0) this.#users.set(key, users)
    else this.#users.delete(key)
    return users === 0
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
