import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { networkSet, parseNetwork } from '../addresses.ts'
import { makeAddressPolicy } from '../webhooks/address.ts'

export interface EgressPolicy {
  /** Whether a name may be looked up. */
  allowsName(host: string): boolean
  /** Whether an address may be connected to that `host`, a name or the address itself, stands for. */
  allowsAddress(host: string, address: string): boolean
}

/** Whatever the setting says: this machine, its neighbours (where clouds keep credentials), and what is nobody's. */
const NEVER = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b::/96',
  'fe80::/10',
  'ff00::/8',
]

const internet = makeAddressPolicy([], false)

/**
 * What entries of `functions_egress` allow: `all` the public internet; a name, or `*.` and a name, public addresses under
 * it; a network its addresses, which need not be public.
 */
export function makeEgressPolicy(entries: readonly string[]): EgressPolicy {
  const all = entries.includes('all')
  const networks = networkSet(entries.filter((entry) => parseNetwork(entry)))
  const isNamed = (host: string) =>
    entries.some((entry) => (entry.startsWith('*.') ? host.endsWith(entry.slice(1)) : host === entry))
  const isOpen = (host: string) => all || (isIP(host) === 0 && isNamed(host))
  return {
    allowsName: isOpen,
    allowsAddress: (host, address) =>
      !isHere(address) && (networks.has(address) || (isOpen(host) && internet.allows(address))),
  }
}

/** Read anew: addresses of a machine come and go. */
function isHere(address: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map((one) => one.address))
  return networkSet([...NEVER, ...own]).has(address)
}
