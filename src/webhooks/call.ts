import { Resolver } from 'node:dns/promises'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../clock.ts'
import type { AddressPolicy } from './address.ts'

export interface Outward {
  method: 'GET' | 'POST'
  url: URL
  headers: Record<string, string>
  body?: string
}

/** All that a customer is told of a failure: more would map the network that the server is in. */
type Failure = 'not reached' | 'refused' | 'timeout'

/**
 * What came of a call. A redirect is not followed: it counts as the status that it is. `cause` is for the operator's
 * eyes only.
 */
export type Called =
  | { outcome: 'answered'; status: number }
  | { outcome: 'failed'; reason: Failure; cause: string }

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly { address: string; family: number }[]>

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
/** What a receiver may answer: nobody reads it. */
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * One HTTP request to where a customer said. Each opens a connection of its own, whose address is looked up, checked
 * and then used: a name that changes its mind between check and connect gains nothing. If one of a name's addresses is
 * refused, all are. Takes at most 5 seconds and 64 KB of answer.
 */
export function callOut(
  { method, url, headers, body }: Outward,
  { policy, clock, resolve }: { policy: AddressPolicy; clock: Clock; resolve: Resolve },
): Promise<Called> {
  return new Promise((done) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method,
      agent: false,
      headers: {
        ...headers,
        connection: 'close',
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      },
      lookup: checkedLookup(policy, resolve),
    })
    const stop = clock.after(TIMEOUT_MS, () => fail('timeout', `${TIMEOUT_MS} ms`))
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
      let received = 0
      response.on('error', () => fail('not reached', 'broken answer'))
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (received > MAX_ANSWER_BYTES) fail('not reached', 'answer too large')
      })
      response.on('end', () => end({ outcome: 'answered', status: response.statusCode ?? 0 }))
    })
    request.end(body)
  })
}

const ADDRESS_REFUSED = 'EADDRREFUSED'

const checkedLookup =
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
