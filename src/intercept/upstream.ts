import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockList, connect, isIP, type Socket } from 'node:net'
import { unescape as decodePercent } from 'node:querystring'
import { ConfigError } from '../config-values.ts'
import type { Environment } from './environment.ts'
import { lookupName } from './target.ts'

/** Says which proxy leads to a host, if one does. `undefined`: the host is reached directly. */
export type Upstream = (scheme: 'http' | 'https', host: string) => URL | undefined

/**
 * The proxies that the environment names, in lower or upper case, lower first; `no_proxy` lists names, addresses and
 * networks that need none, and loopback never does. Throws ConfigError for a proxy that is neither `http:` nor `https:`.
 */
export function readUpstream(environment: Environment): Upstream {
  const read = (name: string) => environment[name] || environment[name.toUpperCase()] || undefined
  const fallback = read('all_proxy')
  const proxies = {
    http: parseProxy('http_proxy', read('http_proxy') ?? fallback),
    https: parseProxy('https_proxy', read('https_proxy') ?? fallback),
  }
  const exempt = matchHosts(`localhost,127.0.0.0/8,::1,${read('no_proxy') ?? ''}`)
  return (scheme, host) => (exempt(host) ? undefined : proxies[scheme])
}

function parseProxy(name: string, text: string | undefined): URL | undefined {
  if (text === undefined) return undefined
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  // The text itself may hold a password.
  if (!url || !/^https?:$/.test(url.protocol))
    throw new ConfigError(`${name} must name an http:// or https:// proxy`)
  return url
}

function matchHosts(list: string): (host: string) => boolean {
  const entries = list.toLowerCase().split(/[\s,]+/)
  const domains: string[] = []
  const networks = new BlockList()
  for (const entry of entries.filter(Boolean)) {
    const [address = '', bits] = entry.replace(/[[\]]/g, '').split('/')
    const longest = { 0: 0, 4: 32, 6: 128 }[isIP(address)]
    const length = bits === undefined ? longest : Number.parseInt(bits, 10)
    if (!longest)
      domains.push(entry.replace(/^\*?\.?/, '')) // `*` leaves the empty domain
    else if (length !== undefined && length <= longest) networks.addSubnet(address, length, familyOf(address))
  }
  return (host) => {
    if (isIP(host) !== 0) return networks.check(host, familyOf(host)) || domains.includes('')
    return domains.some((domain) => domain === '' || host === domain || host.endsWith(`.${domain}`))
  }
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The header that a proxy with a user name and password in its address wants. */
export function proxyAuthorization(proxy: URL): string[] {
  if (proxy.username === '') return []
  // Not decodeURIComponent: that throws for a password with a bare `%`.
  const credentials = `${decodePercent(proxy.username)}:${decodePercent(proxy.password)}`
  return ['Proxy-Authorization', `Basic ${Buffer.from(credentials).toString('base64')}`]
}

/** A connection to `host`, through `proxy` if there is one. Rejects if it cannot be had. */
export function openTunnel(host: string, port: number, proxy: URL | undefined): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  if (!proxy) {
    // Half-open, so that a client that has said all it has to say still gets its answer.
    const socket = connect({ host: lookupName(host), port, allowHalfOpen: true }, () => resolve(socket))
    socket.on('error', reject)
    return promise
  }
  const path = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  const send = proxy.protocol === 'https:' ? requestHttps : requestHttp
  const headers = ['Host', path, ...proxyAuthorization(proxy)]
  send(proxy, { method: 'CONNECT', path, headers, agent: false })
    .on('error', reject)
    .on('connect', (response, socket, head) => {
      if (response.statusCode !== 200) {
        socket.destroy()
        return reject(new Error(`${proxy.host} answered ${response.statusCode}`))
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    .end()
  return promise
}
