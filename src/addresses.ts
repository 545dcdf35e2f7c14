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

export interface NetworkSet {
  /** False for what is no address. */
  has(address: string): boolean
}

/** The addresses of networks, each written as `parseNetwork` reads it. */
export function networkSet(networks: readonly string[]): NetworkSet {
  const list = new BlockList()
  for (const text of networks) {
    const network = parseNetwork(text)
    if (network) list.addSubnet(network.address, network.prefix, network.family)
  }
  return {
    has(address) {
      const plain = plainAddress(address)
      const version = isIP(plain)
      return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
    },
  }
}

/** Whom an address belongs to: an IPv6 subscriber has at least a /64, so its addresses count as one. */
export function subscriberOf(address: string): string {
  const plain = plainAddress(address)
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  // The last part may be written as IPv4, which is two groups.
  const given = left.length + right.length + (plain.includes('.') ? 1 : 0)
  const groups = tail === undefined ? left : [...left, ...Array<string>(8 - given).fill('0'), ...right]
  const first = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${first.join(':')}::/64`
}
