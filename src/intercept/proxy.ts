import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { urlToHttpOptions } from 'node:url'
import { isTwilioHost } from '../http/urls.ts'
import type { Authority } from './ca.ts'
import { endToEnd } from './end-to-end.ts'
import { acceptTarget, bareHost, lookupName, parseTarget, refuseTarget } from './target.ts'
import { translateHttp2 } from './translate.ts'
import { openTunnel, proxyAuthorization, type Upstream } from './upstream.ts'

export interface InterceptingProxy {
  /** `http://127.0.0.1:…` */
  url: string
  /** Ends every connection. */
  close(): Promise<void>
}

export interface ProxyOptions {
  /** Where Countersign listens on this machine, `http://…`. */
  serverUrl: string
  authority: Authority
  upstream: Upstream
}

/**
 * A forward proxy on a free port of loopback. Requests to Twilio's hosts go to Countersign, byte for byte, so that
 * their `Host` header tells it whom the client meant; all others go where they were going, unread.
 *
 * Towards clients it speaks HTTP/1.1 only, since bytes are passed on as they are. Only requests to Functions, which are
 * reached by HTTP/2 as well, are translated.
 */
export async function startProxy(options: ProxyOptions): Promise<InterceptingProxy> {
  const { authority, upstream } = options
  const serverUrl = new URL(options.serverUrl)
  const openServer = () => openTunnel(bareHost(serverUrl.hostname), Number(serverUrl.port || 80), undefined)
  const sockets = new Set<Duplex>()
  const contexts = new Map<string, SecureContext>()
  const functions = translateHttp2(serverUrl, contextOf)

  const server = createServer({ requestTimeout: 0 }, forward)
  server.on('connection', track)
  server.on('connect', (request, client, head) => void intercept(request, client, head))
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }

  /** Every error of a socket ends in its `close`, which the pipes see. */
  function track<S extends Duplex>(socket: S): S {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    return socket.on('error', () => {})
  }

  async function intercept(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const target = parseTarget(request.url ?? '')
    if (!target) return refuseTarget(client, '400 Bad Request', 'countersign exec: CONNECT wants host:port')
    const { host, port } = target
    if (isFunctionsHost(host)) {
      acceptTarget(client, head)
      functions.emit('connection', client)
      return
    }
    const twilio = isTwilioHost(host)
    let far: Socket
    try {
      far = track(await (twilio ? openServer() : openTunnel(host, port, upstream('https', host))))
    } catch (error) {
      const reason = `countersign exec: ${host}: ${(error as Error).message}`
      return refuseTarget(client, '502 Bad Gateway', reason)
    }
    acceptTarget(client, head)
    const near = twilio ? track(endTls(client, host)) : client
    pipeline(near, far, () => {})
    pipeline(far, near, () => {})
  }

  function contextOf(host: string): SecureContext {
    const context = contexts.get(host) ?? createSecureContext(authority.certify(host))
    contexts.set(host, context)
    return context
  }

  function endTls(client: Duplex, host: string): Duplex {
    const secureContext = contextOf(host)
    return new TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
  }

  /** A plain request in absolute form, `GET http://host/path`. */
  function forward(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(request.url ?? '')
    if (url?.protocol !== 'http:') {
      answer(response, 400, 'this is a proxy: it takes CONNECT, and http:// requests')
      return
    }
    const twilio = isTwilioHost(bareHost(url.hostname))
    const proxy = twilio ? undefined : upstream('http', bareHost(url.hostname))
    const next = twilio ? serverUrl : (proxy ?? url)
    const send = next.protocol === 'https:' ? requestHttps : requestHttp
    const outgoing = send({
      ...urlToHttpOptions(next),
      hostname: lookupName(bareHost(next.hostname)),
      auth: null,
      method: request.method,
      path: proxy ? url.href : url.pathname + url.search,
      headers: [...endToEnd(request.rawHeaders), ...(proxy ? proxyAuthorization(proxy) : [])],
      agent: false,
    })
    outgoing.on('response', (incoming) => {
      response.sendDate = false
      response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, endToEnd(incoming.rawHeaders))
      pipeline(incoming, response, () => {})
    })
    outgoing.on('error', (error) => answer(response, 502, `${url.host}: ${error.message}`))
    response.on('close', () => outgoing.destroy())
    request.pipe(outgoing)
  }
}

const isFunctionsHost = (host: string) => host.endsWith('.twil.io')

function answer(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`countersign exec: ${reason}\n`)
}
