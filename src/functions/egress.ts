import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { BoundedMap } from '../bounded-map.ts'
import { type Config, isLoopback } from '../config.ts'
import type { Context } from '../context.ts'
import { isTwilioHost, TWILIO_DOMAINS } from '../http/urls.ts'
import { type Authority, makeAuthority } from '../intercept/ca.ts'
import { acceptTarget, bareHost, parseTarget, refuseTarget, type Target } from '../intercept/target.ts'
import { ADDRESS_REFUSED, checkedLookup, type Resolve, resolveHost } from '../webhooks/call.ts'
import { makeEgressPolicy } from './egress-policy.ts'
import { labelOf, nameOf } from './hosts.ts'

/**
 * The only way out of Functions' children: a proxy that takes `CONNECT host:port`. The local API, by Twilio's names and
 * by its own, and the domains of Functions lead to this server itself; whether TLS is spoken is the child's choice.
 * Others lead out, where `functions_egress` allows it.
 */
export interface Egress {
  /** PEM: the authority that children have to trust. */
  readonly rootPem: string
  /** Takes the connections of an account's children on a socket made at `path`, until it is closed. */
  listen(path: string, accountSid: string): Promise<Door>
  /** A connection to this server, as callbacks of its own take it: as if TLS were ended where `isSecure`. */
  connect(isSecure: boolean): Duplex
  /** Who answers requests to this server. */
  answerBy(listener: RequestListener): void
  close(): void
}

export interface Door {
  /** Ends its connections. */
  close(): void
}

/** What tests bring in the place of the real network. */
interface Network {
  resolve?: Resolve
  dial?: typeof connect
}

/** Of all children that share a door. */
const MAX_CONNECTIONS = 512
/** For a request and its answer: more than any of the server's own takes. */
const MAX_REQUEST_MS = 90_000
const MAX_HOSTS = 1_000
/** The first byte of a TLS connection. */
const HANDSHAKE = 0x16

export function openEgress(
  { config, clock, random }: Pick<Context, 'config' | 'clock' | 'random'>,
  { resolve = resolveHost, dial = connect }: Network = {},
): Egress {
  let made: Authority | undefined
  // Most servers run no functions.
  const authority = () => {
    made ??= makeAuthority({ clock, random }, domainsOf(config))
    return made
  }
  const contexts = new BoundedMap<string, SecureContext>(MAX_HOSTS)
  const policy = makeEgressPolicy(config.functionsEgress)
  const doors = new Set<Door>()
  let answer: RequestListener = (_request, response) => response.writeHead(503).end()

  const renewals = new WeakMap<Duplex, () => void>()
  /** Listens nowhere: it is handed its connections. So Node.js does not look after those that say nothing. */
  const server = createServer((request, response) => {
    response.once('close', () => renewals.get(request.socket)?.())
    // No proxy is between, so nobody may say on whose behalf it asks.
    for (const name of Object.keys(request.headers))
      if (name.startsWith('x-forwarded-')) delete request.headers[name]
    answer(request, response)
  })

  async function listen(path: string, accountSid: string): Promise<Door> {
    const sockets = new Set<Duplex>()
    const track = <S extends Duplex>(socket: S): S => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      return socket.on('error', () => {})
    }
    const proxy = createServer({ requestTimeout: 0 }, (_request, response) => response.writeHead(405).end())
    proxy.maxConnections = MAX_CONNECTIONS
    proxy.on('connection', track)
    proxy.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
      const target = parseTarget(request.url ?? '')
      if (!target) return refuseTarget(client, '400 Bad Request', 'CONNECT wants host:port')
      if (!isOwn(config, target)) return leadOut(target, client, head, track)
      acceptTarget(client, head)
      serve(client, target.host, addressOf(accountSid))
    })
    // Children may run as another user.
    const options = { path, readableAll: true, writableAll: true }
    await new Promise<void>((done, reject) => proxy.once('error', reject).listen(options, done))
    const door = {
      close() {
        doors.delete(door)
        proxy.close()
        for (const socket of sockets) socket.destroy()
      },
    }
    doors.add(door)
    return door
  }

  /** Hands a connection to this server, as one that comes from `address`. */
  function serve(client: Socket, host: string, address: string): void {
    const renew = limitTime(client)
    client.once('data', (first: Buffer) => {
      client.pause()
      client.unshift(first)
      const socket = first[0] === HANDSHAKE ? endTls(client, host) : client
      Object.defineProperty(socket, 'remoteAddress', { value: address })
      renewals.set(socket, renew)
      server.emit('connection', socket)
      socket.resume()
    })
  }

  /** Ends a connection whose next request is not over in time. The returned function says that one is. */
  function limitTime(client: Socket): () => void {
    let cancel = () => {}
    const renew = () => {
      cancel()
      if (!client.destroyed) cancel = clock.after(MAX_REQUEST_MS, () => client.destroy())
    }
    client.once('close', () => cancel())
    renew()
    return renew
  }

  function endTls(client: Socket, host: string): TLSSocket {
    const secureContext = contexts.get(host) ?? createSecureContext(authority().certify(host))
    contexts.set(host, secureContext)
    return new TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
  }

  function leadOut(target: Target, client: Socket, head: Buffer, track: (socket: Socket) => Socket): void {
    const { host, port } = target
    const refuse = () => refuseTarget(client, '403 Forbidden', `functions_egress does not allow ${host}`)
    const allows = (address: string) => policy.allowsAddress(host, address)
    if (!(isIP(host) === 0 ? policy.allowsName(host) : allows(host))) {
      refuse()
      return
    }
    const lookup = checkedLookup({ allows }, resolve)
    // Half-open, so that who has said all it has to say still gets its answer.
    const far = track(dial({ host, port, allowHalfOpen: true, lookup }))
    client.on('close', () => far.destroy())
    const fail = ({ code }: NodeJS.ErrnoException) => {
      if (code === ADDRESS_REFUSED) refuse()
      else refuseTarget(client, '502 Bad Gateway', `${host} cannot be reached (${code})`)
    }
    far.once('error', fail)
    far.once('connect', () => {
      far.off('error', fail)
      acceptTarget(client, head)
      pipeline(client, far, () => {})
      pipeline(far, client, () => {})
    })
  }

  return {
    get rootPem() {
      return authority().rootPem
    },
    listen,
    connect(isSecure) {
      const [near, far] = duplexPair()
      server.emit('connection', Object.assign(far, { remoteAddress: '127.0.0.1', encrypted: isSecure }))
      return near
    },
    answerBy: (listener) => {
      answer = listener
    },
    close() {
      for (const door of doors) door.close()
    },
  }
}

/** What the authority of children may certify: nobody else trusts it, and they meet nothing but this server by it. */
function domainsOf({ functionsDomain, publicUrl }: Config): string[] {
  const publicHost = publicUrl === undefined ? [] : [new URL(publicUrl).hostname]
  const names = [...TWILIO_DOMAINS, 'localhost', nameOf(functionsDomain), ...publicHost]
  return [...new Set(names)].filter((name) => isIP(bareHost(name)) === 0)
}

function isOwn(config: Config, { host, port }: Target): boolean {
  if (isTwilioHost(host) || labelOf(config, host) !== undefined) return true
  if (isLoopback(host) && port === config.port) return true
  if (config.publicUrl === undefined) return false
  const { hostname, port: publicPort, protocol } = new URL(config.publicUrl)
  return host === bareHost(hostname) && port === Number(publicPort || (protocol === 'https:' ? 443 : 80))
}

/**
 * Where the requests of an account's Functions come from, as address lists and log-in limits see it: one of 127.128.0.0/9,
 * its own, so that what one account does wrong is not held against the others.
 */
function addressOf(accountSid: string): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(accountSid).digest()
  return `127.${a | 128}.${b}.${c}`
}
