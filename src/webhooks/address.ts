import { isIP } from 'node:net'
import { networkSet } from '../addresses.ts'
import { type Config, isLoopback } from '../config.ts'

/** Which addresses a callback may go to. */
export interface AddressPolicy {
  allows(address: string): boolean
}

// What is not one machine on the public internet (the registries of special-purpose addresses: RFC 6890 and later).
const notPublic = networkSet([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // Of the global range: benchmarks, documentation, and tunnels that lead to an IPv4 address of the sender's choice.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
])
/** All global unicast addresses of IPv6 lie in it. NAT64, mapped, local and multicast ones do not. */
const globalV6 = networkSet(['2000::/3'])
const LOOPBACK = ['127.0.0.0/8', '::1/128']

type Exposure = Pick<Config, 'host' | 'publicUrl' | 'signUp' | 'tlsTerminatedByProxy' | 'trustedProxies'>

/** Whether callbacks may go to the machine itself: where nothing says that others than its own users are served. */
export const mayCallLoopback = (config: Exposure) =>
  isLoopback(config.host) &&
  (config.publicUrl === undefined ||
    isLoopback(new URL(config.publicUrl).hostname.replace(/^\[|\]$/g, ''))) &&
  config.trustedProxies.length === 0 &&
  !config.tlsTerminatedByProxy &&
  !config.signUp

/** Public addresses, and the private ones that the operator allows; with `withLoopback` those of the machine itself. */
export function makeAddressPolicy(allowed: readonly string[], withLoopback: boolean): AddressPolicy {
  const exceptions = networkSet(withLoopback ? [...allowed, ...LOOPBACK] : allowed)
  const isPublic = (address: string) =>
    !notPublic.has(address) && (isIP(address) === 4 || globalV6.has(address))
  return { allows: (address) => isIP(address) !== 0 && (exceptions.has(address) || isPublic(address)) }
}
