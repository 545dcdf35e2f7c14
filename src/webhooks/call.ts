import { Resolver } from 'node:dns/promises'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { AddressPolicy } from './address.ts'

export interface Outward {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
  body?: string
  /** Has the answer kept: else nobody reads it. */
  keepsAnswer?: true
  /** Ends as `timeout` after so long; without it after 5 seconds. */
  timeoutMs?: number
}

/** What was answered, beside the status. */
export interface Answer {
  contentType: string
  body: Buffer
}

/** All that a customer is told of a failure: more would map the network that the server is in. */
type Failure = 'not reached' | 'not called' | 'refused' | 'timeout'

/**
 * What came of a call. A redirect is not followed: it counts as the status that it is. `cause` is for the operator's
 * eyes only.
 */
export type Called =
  | { outcome: 'answered'; status: number; answer?: Answer }
  | { outcome: 'failed'; reason: Failure; cause: string }

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly { address: string; family: number }[]>

/** How a call finds its way. */
interface Network {
  policy: AddressPolicy
  clock: Clock
  resolve: Resolve
  connectSelf?: (() => Duplex) | undefined
}

// Not `lookup`: that takes one of the process's few threads, for as long as a customer's name server likes.
const resolver = new Resolver({ timeout: 1_500, tries: 2 })

const LOOPBACK = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/** Asks DNS, for whole names: neither the hosts file nor search domains count. Only `localhost` needs no asking. */
export const resolveHost: Resolve = async (host) => {
  if (host === 'localhost') return LOOPBACK
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  if (v4.status === 'rejected' && v6.status === 'rejected') throw v4.reason
  const found = (family: 4 | 6, addresses: typeof v4) =>
    addresses.status === 'fulfilled' ? addresses.value.map((address) => ({ address, family })) : []
  return [...found(4, v4), ...found(6, v6)]
}

const TIMEOUT_MS = 5_000
/** What a receiver may answer. */
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * One HTTP request to where a customer said. Each opens a connection of its own, whose address is looked up, checked
 * and then used: a name that changes its mind between check and connect gains nothing. If one of a name's addresses is
 * refused, all are. Takes at most 64 KB of answer. `connectSelf` gives a connection to this server itself, where the
 * address is its own, whatever its name leads to.
 */
export function callOut(
  { method, url, headers, body, keepsAnswer, timeoutMs = TIMEOUT_MS }: Outward,
  { policy, clock, resolve, connectSelf }: Network,
): Promise<Called> {
  return new Promise((done) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method,
      ...(connectSelf
        ? { createConnection: connectSelf }
        : { agent: false, lookup: checkedLookup(policy, resolve) }),
      headers: {
        ...headers,
        connection: 'close',
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      },
    })
    const stop = clock.after(timeoutMs, () => fail('timeout', `${timeoutMs} ms`))
    const fail = (reason: Failure, cause: string) => end({ outcome: 'failed', reason, cause })
    const end = (called: Called) => {
      stop()
      done(called)
      request.destroy()
    }
    request.on('error', ({ code, message }: NodeJS.ErrnoException) =>
      fail(code === ADDRESS_REFUSED ? 'refused' : 'not reached', code ?? message),
    )
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let received = 0
      response.on('error', () => fail('not reached', 'broken answer'))
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (keepsAnswer) chunks.push(chunk)
        if (received > MAX_ANSWER_BYTES) fail('not reached', 'answer too large')
      })
      response.on('end', () => {
        const contentType = response.headers['content-type'] ?? ''
        const answer = keepsAnswer && { contentType, body: Buffer.concat(chunks) }
        end({ outcome: 'answered', status: response.statusCode ?? 0, ...(answer && { answer }) })
      })
    })
    request.end(body)
  })
}

export const ADDRESS_REFUSED = 'EADDRREFUSED'

/** Finds a name's addresses, all of which have to be allowed: else its error has the code `ADDRESS_REFUSED`. */
export const checkedLookup =
  (policy: AddressPolicy, resolve: Resolve): LookupFunction =>
  (host, options, callback) => {
    resolve(host).then(
      (found) => {
        const [first] = found
        if (!first || !found.every(({ address }) => policy.allows(address))) {
          callback(Object.assign(new Error('address refused'), { code: ADDRESS_REFUSED }), '', 0)
        } else if (options.all) callback(null, [...found])
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    )
  }
