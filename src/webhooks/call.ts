import { lookup } from 'node:dns/promises'
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

/** What came of a call. A redirect is not followed: it counts as the status that it is. */
export type Called = { outcome: 'answered'; status: number } | { outcome: 'failed'; reason: string }

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly { address: string; family: number }[]>

export const resolveHost: Resolve = (host) => lookup(host, { all: true })

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
    const stop = clock.after(TIMEOUT_MS, () => end({ outcome: 'failed', reason: 'timeout' }))
    const end = (called: Called) => {
      stop()
      done(called)
      request.destroy()
    }
    request.on('error', ({ code, message }: NodeJS.ErrnoException) =>
      end({ outcome: 'failed', reason: code ?? message }),
    )
    request.on('response', (response) => {
      let received = 0
      response.on('error', () => end({ outcome: 'failed', reason: 'broken answer' }))
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (received > MAX_ANSWER_BYTES) end({ outcome: 'failed', reason: 'answer too large' })
      })
      response.on('end', () => end({ outcome: 'answered', status: response.statusCode ?? 0 }))
    })
    request.end(body)
  })
}

const checkedLookup =
  (policy: AddressPolicy, resolve: Resolve): LookupFunction =>
  (host, options, callback) => {
    resolve(host).then(
      (found) => {
        const [first] = found
        if (!first || !found.every(({ address }) => policy.allows(address))) {
          callback(Object.assign(new Error('address refused'), { code: 'EADDRREFUSED' }), '', 0)
        } else if (options.all) callback(null, [...found])
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    )
  }
