import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import {
  createServer as createHttp,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { world } from '../../test/sdk/exec/world.ts'
import { type Authority, openAuthority } from './ca.ts'
import { type InterceptingProxy, startProxy } from './proxy.ts'
import { readUpstream } from './upstream.ts'

let folder: string
let authority: Authority
const opened: { close(): unknown }[] = []
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-proxy-'))
  authority = await openAuthority(join(folder, 'ca'), world)
})
after(async () => {
  for (const one of opened) await one.close()
  await rm(folder, { recursive: true })
})

test('a request to a Twilio host reaches Countersign, with the Host header that the client sent', async () => {
  const proxy = await start({ serverUrl: await serveEcho() })
  for (const host of ['verify.twilio.com', 'serverless.ashburn.us1.twilio.com', 'hello-1234-dev.twil.io']) {
    const { socket } = await openTunnel(proxy, `${host}:443`)
    const reply = await ask(await secure(socket, host, ['http/1.1']), host)
    assert.match(reply, new RegExp(`POST ${host} /v2/Services To=1$`))
  }
})

test('names in other cases and with a final dot are the same host', async () => {
  const proxy = await start({ serverUrl: await serveEcho() })
  const { socket } = await openTunnel(proxy, 'Verify.Twilio.COM.:443')
  assert.match(await ask(await secure(socket, 'verify.twilio.com'), 'verify.twilio.com'), /^HTTP\/1.1 200/)
})

test('a client that wants HTTP/2 only is told that there is none', async () => {
  const proxy = await start({ serverUrl: await serveEcho() })
  const { socket } = await openTunnel(proxy, 'verify.twilio.com:443')
  await assert.rejects(secure(socket, 'verify.twilio.com', ['h2']), {
    code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
  })
})

test('a Function is reached over HTTP/2, with the authority as its Host', async () => {
  const far = createHttp(async (request, response) => {
    const { host, cookie } = request.headers
    const { 'x-twice': twice } = request.headersDistinct
    const cookies = ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']
    response.writeHead(401, ['X-Kept', 'yes', 'Connection', 'X-Hop', 'X-Hop', '1', ...cookies])
    response.write(JSON.stringify({ host, cookie, twice, method: request.method, url: request.url }))
    response.end(await text(request))
  })
  const proxy = await start({ serverUrl: `http://127.0.0.1:${await listen(far)}` })
  const host = 'hello-1234-dev.twil.io'
  const { socket } = await openTunnel(proxy, `${host}:443`)
  const inner = await secure(socket, host)
  const session = connectHttp2(`https://${host}`, { createConnection: () => inner })
  const stream = session.request({
    ':method': 'POST',
    ':authority': host,
    ':path': '/basic?a=1',
    cookie: ['c=1', 'd=2'],
    'x-twice': ['e', 'f'],
  })
  stream.end('body')
  const [[headers], body] = await Promise.all([once(stream, 'response'), text(stream)])
  const seen = { host, cookie: 'c=1; d=2', twice: ['e', 'f'], method: 'POST', url: '/basic?a=1' }
  assert.equal(body, `${JSON.stringify(seen)}body`)
  assert.deepEqual(
    [headers[':status'], headers['x-kept'], headers['x-hop'], headers.connection, headers['set-cookie']],
    [401, 'yes', undefined, undefined, ['a=1', 'b=2']],
  )
  session.close()
})

test('a Function is reached over HTTP/1.1, and its answer says nothing of connections', async () => {
  const far = createHttp((_request, response) => response.end('hello'))
  const proxy = await start({ serverUrl: `http://127.0.0.1:${await listen(far)}` })
  const host = 'hello-1234-dev.twil.io'
  const { socket } = await openTunnel(proxy, `${host}:443`)
  const inner = await secure(socket, host, ['http/1.1'])
  const get = () =>
    new Promise<IncomingMessage>((resolve, reject) =>
      requestHttp(
        { createConnection: () => inner, headers: { Host: host, Connection: 'keep-alive' } },
        resolve,
      )
        .on('error', reject)
        .end(),
    )
  const reply = await get()
  assert.deepEqual(
    [await text(reply), reply.headers.connection, reply.headers['keep-alive']],
    ['hello', undefined, undefined],
  )
  assert.equal(await text(await get()), 'hello')
  inner.destroy()
})

test('where the server is gone, a request over HTTP/2 is answered 502', async () => {
  const far = createHttp()
  const proxy = await start({ serverUrl: `http://127.0.0.1:${await listen(far)}` })
  const { socket } = await openTunnel(proxy, 'hello-1234.twil.io:443')
  const inner = await secure(socket, 'hello-1234.twil.io')
  far.close()
  far.closeAllConnections()
  await once(far, 'close')
  const session = connectHttp2('https://hello-1234.twil.io', { createConnection: () => inner })
  const [headers] = await once(session.request({ ':path': '/' }), 'response')
  assert.equal(headers[':status'], 502)
  session.close()
})

test('another host is tunnelled: its own certificate arrives', async () => {
  const far = createHttps(authority.certify('far.twilio.com'), (_request, response) =>
    response.end('from afar'),
  )
  const proxy = await start({})
  const { socket } = await openTunnel(proxy, `127.0.0.1:${await listen(far)}`)
  const inner = await secure(socket, 'far.twilio.com')
  assert.equal(inner.getPeerCertificate().subjectaltname, 'DNS:far.twilio.com')
  assert.match(await ask(inner, '127.0.0.1'), /from afar$/)
})

test('a tunnel loses nothing, and what one side has ended the other can still answer', async () => {
  const far = createTcp({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = []
    socket
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => socket.end(Buffer.concat(chunks)))
  })
  const proxy = await start({})
  const { socket } = await openTunnel(proxy, `127.0.0.1:${await listen(far)}`)
  const sent = world.random.bytes(8_000_000)
  socket.end(sent)
  assert.ok(sent.equals(await buffer(socket)))
})

test('bytes that come with the CONNECT line are not lost', async () => {
  const proxy = await start({})
  const far = createTcp((socket) => socket.once('data', (data) => socket.end(`got ${data}`)))
  const reply = await talk(proxy, `CONNECT 127.0.0.1:${await listen(far)} HTTP/1.1\r\nHost: x\r\n\r\nearly`)
  assert.match(reply, /^HTTP\/1.1 200 .*got early$/s)
})

test('a plain request is forwarded with what it came with, but for what concerns the proxy', async () => {
  const proxy = await start({})
  const far = createHttp(async (request, response) => {
    const seen = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: await text(request),
    }
    response.writeHead(207, 'Odd', ['X-Twice', 'a', 'X-Twice', 'b', 'Connection', 'X-Hop', 'X-Hop', '1'])
    response.end(JSON.stringify(seen))
  })
  const host = `127.0.0.1:${await listen(far)}`
  const headers = {
    Host: host,
    'X-Kept': 'yes',
    'Proxy-Connection': 'keep-alive',
    'Proxy-Authorization': 'Basic eA==',
  }
  const reply = await plain(proxy, `http://${host}/a/b?c=%20d`, {
    ...headers,
    Connection: 'close, X-Dropped',
    'X-Dropped': 'no',
  })
  assert.equal(reply.status, 207)
  assert.equal(reply.headers['x-twice'], 'a, b')
  assert.equal(reply.headers['x-hop'], undefined)
  const seen = JSON.parse(reply.body)
  assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/a/b?c=%20d', 'hello'])
  assert.deepEqual([seen.headers.host, seen.headers['x-kept']], [host, 'yes'])
  const dropped = ['proxy-connection', 'proxy-authorization', 'x-dropped']
  assert.deepEqual(
    dropped.filter((name) => name in seen.headers),
    [],
  )
})

test('a plain request to a Twilio host does not leave the machine either', async () => {
  const proxy = await start({ serverUrl: await serveEcho() })
  const reply = await plain(proxy, 'http://verify.twilio.com/v2/Services?PageSize=1', {
    Host: 'verify.twilio.com',
  })
  assert.equal(reply.body, 'POST verify.twilio.com /v2/Services?PageSize=1 hello')
})

test('names below localhost are this machine, whether it knows them or not', async () => {
  const proxy = await start({})
  const far = createHttp((request, response) => response.end(`at ${request.headers.host}`))
  const host = `hello-1234.localhost:${await listen(far)}`
  assert.equal((await plain(proxy, `http://${host}/`, { Host: host })).body, `at ${host}`)
  const { socket } = await openTunnel(proxy, host)
  assert.match(await ask(socket, host), new RegExp(`at ${host}$`))
})

test('other hosts are reached through the proxy that the environment names, with its credentials', async () => {
  const seen: string[] = []
  const far = await listen(createTcp((socket) => socket.end('end of the chain')))
  const second = createHttp((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    response.end('from the second proxy')
  })
  second.on('connect', (request, socket: Duplex) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    socket.write('HTTP/1.1 200 OK\r\n\r\nfirst, ')
    connect(far, '127.0.0.1').pipe(socket)
  })
  const named = `http://ann:secret@127.0.0.1:${await listen(second)}`
  const proxy = await start({
    serverUrl: await serveEcho(),
    environment: { http_proxy: named, HTTPS_PROXY: named },
  })

  const { socket } = await openTunnel(proxy, 'example.test:443')
  assert.equal(await text(socket), 'first, end of the chain')
  assert.equal(
    (await plain(proxy, 'http://example.test/x', { Host: 'example.test' })).body,
    'from the second proxy',
  )
  const own = await plain(proxy, 'http://api.twilio.com/', { Host: 'api.twilio.com' })
  assert.equal(own.body, 'POST api.twilio.com / hello')
  const basic = `Basic ${Buffer.from('ann:secret').toString('base64')}`
  assert.deepEqual(seen, [`CONNECT example.test:443 ${basic}`, `POST http://example.test/x ${basic}`])
})

test('what the next proxy refuses is refused', async () => {
  const second = createHttp().on('connect', (_request, socket: Duplex) =>
    socket.end('HTTP/1.1 407 No\r\n\r\n'),
  )
  const named = `http://127.0.0.1:${await listen(second)}`
  const proxy = await start({ environment: { https_proxy: named } })
  const { status, socket } = await openTunnel(proxy, 'example.test:443')
  assert.equal(status, 502)
  assert.match(await text(socket), /answered 407/)
})

test('a bad target is answered 400, and one that cannot be reached 502', async () => {
  const proxy = await start({ serverUrl: 'http://127.0.0.1:1' })
  for (const target of [
    'nowhere',
    'host:0',
    'host:65536',
    ':443',
    'host:',
    'a@b:443',
    '[::g]:443',
    'http://x:443',
  ]) {
    assert.match(
      await talk(proxy, `CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`),
      /^HTTP\/1.1 400 /,
      target,
    )
  }
  assert.match(await talk(proxy, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 400 /)
  assert.equal((await openTunnel(proxy, '127.0.0.1:1')).status, 502)
  assert.equal((await openTunnel(proxy, 'verify.twilio.com:443')).status, 502)
  assert.equal((await plain(proxy, 'http://127.0.0.1:1/', { Host: 'x' })).status, 502)
})

test('a side that goes away takes the other with it', async () => {
  const proxy = await start({})
  const { promise: accepted, resolve } = Promise.withResolvers<Socket>()
  const port = await listen(createTcp((socket) => resolve(socket.on('error', () => {}))))
  const { socket: client } = await openTunnel(proxy, `127.0.0.1:${port}`)
  const far = await accepted
  client.destroy()
  await once(far, 'close')

  const farGone = await listen(createTcp((socket) => socket.resetAndDestroy()))
  const { socket } = await openTunnel(proxy, `127.0.0.1:${farGone}`)
  socket.on('error', () => {}).resume()
  if (!socket.closed) await once(socket, 'close')
  assert.ok(socket.destroyed)
})

test('a client that does not speak TLS ends its own connection only', async () => {
  const proxy = await start({ serverUrl: await serveEcho() })
  const { socket } = await openTunnel(proxy, 'verify.twilio.com:443')
  socket.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
  const next = await openTunnel(proxy, 'verify.twilio.com:443')
  assert.match(
    await ask(await secure(next.socket, 'verify.twilio.com'), 'verify.twilio.com'),
    /^HTTP\/1.1 200/,
  )
})

test('closing ends tunnels that are open', async () => {
  const proxy = await start({})
  const { socket } = await openTunnel(proxy, `127.0.0.1:${await listen(createTcp(() => {}))}`)
  socket.on('error', () => {})
  await Promise.all([once(socket, 'close'), proxy.close()])
  assert.equal(socket.destroyed, true)
})

async function start(given: {
  serverUrl?: string
  environment?: Record<string, string>
}): Promise<InterceptingProxy> {
  const upstream = readUpstream(given.environment ?? {})
  const proxy = await startProxy({ serverUrl: given.serverUrl ?? 'http://127.0.0.1:1', authority, upstream })
  opened.push(proxy)
  return proxy
}

async function listen(server: Server): Promise<number> {
  opened.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** Answers with what it was asked. */
async function serveEcho(): Promise<string> {
  const server = createHttp(async (request, response) => {
    response.end(`${request.method} ${request.headers.host} ${request.url} ${await text(request)}`)
  })
  return `http://127.0.0.1:${await listen(server)}`
}

async function openTunnel(
  proxy: InterceptingProxy,
  path: string,
): Promise<{ status: number | undefined; socket: Socket }> {
  const request = requestHttp(proxy.url, { method: 'CONNECT', path, agent: false }).end()
  const [response, socket, head] = await once(request, 'connect')
  if (head.length > 0) socket.unshift(head)
  return { status: response.statusCode, socket }
}

async function secure(
  socket: Socket,
  servername: string,
  ALPNProtocols = ['h2', 'http/1.1'],
): Promise<TLSSocket> {
  const inner = connectTls({ socket, servername, ca: authority.rootPem, ALPNProtocols })
  await once(inner, 'secureConnect')
  return inner
}

function ask(socket: Socket, host: string): Promise<string> {
  socket.write(
    `POST /v2/Services HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nTo=1`,
  )
  return text(socket)
}

function talk(proxy: InterceptingProxy, words: string): Promise<string> {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  socket.write(words)
  return text(socket)
}

async function plain(proxy: InterceptingProxy, path: string, headers: Record<string, string>) {
  const request = requestHttp(proxy.url, { method: 'POST', path, headers, agent: false }).end('hello')
  const [response] = await once(request, 'response')
  const received: IncomingHttpHeaders = response.headers
  return { status: response.statusCode, headers: received, body: await text(response) }
}
