import { type IncomingMessage, request as requestHttp } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { pipeline } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { urlToHttpOptions } from 'node:url'
import { endToEnd } from './end-to-end.ts'

/**
 * Speaks HTTP/2 or HTTP/1.1 over TLS with the connections it is given as `connection` events, and HTTP/1.1 with the
 * server, one connection a request. The authority that the client named becomes the `Host`.
 */
export function translateHttp2(
  serverUrl: URL,
  contextOf: (host: string) => SecureContext,
): Http2SecureServer {
  const SNICallback = (host: string, done: (error: null, context: SecureContext) => void) =>
    done(null, contextOf(host.toLowerCase()))
  return createSecureServer({ allowHTTP1: true, SNICallback }, (request, response) => {
    const outgoing = requestHttp({
      ...urlToHttpOptions(serverUrl),
      method: request.method,
      path: request.url,
      headers: headersOf(request),
      agent: false,
    })
    outgoing.on('response', (incoming) => passBack(incoming, response))
    outgoing.on('error', () => {
      if (response.headersSent) request.destroy()
      else response.writeHead(502).end()
    })
    response.on('close', () => outgoing.destroy())
    request.pipe(outgoing)
  })
}

function headersOf({ headers, rawHeaders }: Http2ServerRequest): string[] {
  const flat = ['Host', String(headers[':authority'] ?? headers.host ?? '')]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!/^(:.*|host|cookie)$/i.test(name)) flat.push(name, rawHeaders[i + 1] ?? '')
  }
  // HTTP/2 may have them one by one, HTTP/1.1 has one line of them.
  if (headers.cookie !== undefined) flat.push('Cookie', headers.cookie)
  return endToEnd(flat)
}

function passBack(incoming: IncomingMessage, response: Http2ServerResponse): void {
  const flat = endToEnd(incoming.rawHeaders)
  const headers: Record<string, string[]> = {}
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase()
    // Each version says in its own way where a body ends.
    if (name !== 'transfer-encoding') headers[name] = [...(headers[name] ?? []), flat[i + 1] ?? '']
  }
  response.sendDate = false
  // That a connection is kept goes without saying.
  if (response.req.httpVersion === '1.1') response.removeHeader('connection')
  response.writeHead(incoming.statusCode ?? 502, headers)
  pipeline(incoming, response, () => {})
}
