import { BlockList, isIP } from 'node:net'

const MAPPED = /^::ffff:(?=\d+\.)/i

/** An IPv4 address that came in over an IPv6 socket as IPv4, without the port that some proxies add. */
export function plainAddress(address: string): string {
  if (!address.includes(':')) return address
  return address
    .replace(MAPPED, '')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
}

/** The client's address. What a trusted proxy passed on but is none gives way to the proxy's own. */
export function sourceAddress(forwarded: string, remote: string): string {
  const client = plainAddress(forwarded)
  return isIP(client) === 0 ? plainAddress(remote) : client
}

/** Reads `10.0.0.0/8`, `2001:db8::/32`, or one address. Undefined for what is neither. */
export function parseNetwork(text: string) {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0) return undefined
  const length = version === 4 ? 32 : 128
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= length)) return undefined
  return { address, prefix: Number(bits ?? length), family: version === 4 ? 'ipv4' : 'ipv6' } as const
}

/** The network as it is kept: without the bits behind its prefix, in its shortest form. Undefined as of `parseNetwork`. */
export function normalizeNetwork(text: string): string | undefined {
  const network = parseNetwork(text)
  if (!network) return undefined
  const isV4 = network.family === 'ipv4'
  const host = isV4 ? network.address : shorten(network.address)
  const bits = isV4 ? 8 : 16
  const parts = isV4 ? host.split('.').map(Number) : groupsOf(host).map((group) => Number.parseInt(group, 16))
  const kept = parts.map((part, index) => {
    const cleared = Math.min(Math.max((index + 1) * bits - network.prefix, 0), bits)
    return (part >> cleared) << cleared
  })
  const address = isV4 ? kept.join('.') : shorten(kept.map((part) => part.toString(16)).join(':'))
  return text.includes('/') ? `${address}/${network.prefix}` : address
}

/** An IPv6 address as URLs write it: the longest run of zeros left out, no IPv4 within. */
const shorten = (address: string) => new URL(`http://[${address}]`).hostname.slice(1, -1)

export interface NetworkSet {
  /** False for what is no address. */
  has(address: string): boolean
}

const mapped = new BlockList()
mapped.addSubnet('::ffff:0:0', 96, 'ipv6')

/** Whether an IPv6 address is one of IPv4 in another writing. */
const isMapped = (address: string) => mapped.check(address, 'ipv6')

/**
 * The addresses of networks, each written as `parseNetwork` reads it. A wide network of IPv6, `::/0` for one, holds no
 * address of IPv4, though those can be written as addresses of IPv6.
 */
export function networkSet(networks: readonly string[]): NetworkSet {
  const v4 = new BlockList()
  const v6 = new BlockList()
  for (const text of networks) {
    const network = parseNetwork(text)
    if (!network) continue
    const { address, prefix, family } = network
    const list = family === 'ipv4' || (prefix >= 96 && isMapped(address)) ? v4 : v6
    list.addSubnet(address, prefix, family)
  }
  return {
    has(address) {
      const plain = plainAddress(address)
      const version = isIP(plain)
      if (version === 4) return v4.check(plain, 'ipv4')
      return version === 6 && (isMapped(plain) ? v4 : v6).check(plain, 'ipv6')
    },
  }
}

/** Whom an address belongs to: an IPv6 subscriber has at least a /64, so its addresses count as one. */
export function subscriberOf(address: string): string {
  const plain = plainAddress(address)
  if (!plain.includes(':')) return plain
  const first = groupsOf(plain)
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
  return `${first.join(':')}::/64`
}

/** Of an IPv6 address, those that `::` leaves out among them. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  // The last part may be written as IPv4, which is two groups.
  const given = left.length + right.length + (address.includes('.') ? 1 : 0)
  return tail === undefined ? left : [...left, ...Array<string>(8 - given).fill('0'), ...right]
}
