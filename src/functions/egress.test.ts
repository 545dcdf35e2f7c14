import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import {
  type AddressInfo,
  connect,
  createServer,
  isIP,
  type LookupFunction,
  type Server,
  type Socket,
} from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { world } from '../../test/sdk/exec/world.ts'
import { fakeClock } from '../../test/support/clock.ts'
import { loadConfig } from '../config.ts'
import type { World } from '../intercept/certificate.ts'
import { type Egress, openEgress } from './egress.ts'

const ACCOUNT = `AC${'1'.repeat(32)}`
let folder: string
let doors = 0
const opened: { close(): unknown }[] = []
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'egress-'))
})
after(async () => {
  for (const one of opened) one.close()
  await rm(folder, { recursive: true })
})

test('the local API is reached by the names of Twilio, with a certificate that children trust', async () => {
  const { path, egress } = await open({ COUNTERSIGN_FUNCTIONS_EGRESS: 'none' })
  for (const host of ['api.twilio.com', 'verify.us1.twilio.com', 'hello-1234-dev.twil.io']) {
    const { socket } = await tunnel(path, `${host}:443`)
    const inner = connectTls({ socket, servername: host, ca: egress.rootPem })
    assert.match(await ask(inner, host), new RegExp(`^HTTP/1.1 200 .*https ${host} 127\\.`, 's'))
  }
})

test('without TLS as well, and bytes that come with the CONNECT line are not lost', async () => {
  const { path } = await open({ PORT: '8080', COUNTERSIGN_FUNCTIONS_DOMAIN: 'fn.example.com' })
  for (const target of [
    'api.twilio.com:80',
    'localhost:8080',
    '127.0.0.1:8080',
    'hello-1234.localhost:8080',
    'hello-1234.fn.example.com:80',
  ]) {
    const [host = ''] = target.split(':')
    const { socket } = await tunnel(path, target)
    assert.match(await ask(socket, host), new RegExp(`http ${host} 127\\.`), target)
    const words = `CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n${requestTo(host)}`
    assert.match(await talk(path, words), new RegExp(`http ${host} 127\\.`), target)
  }
})

test('the public name of the server leads to it, and not out', async () => {
  const { path, egress } = await open({ PUBLIC_URL: 'https://verify.example.com' })
  const { socket } = await tunnel(path, 'verify.example.com:443')
  const inner = connectTls({ socket, servername: 'verify.example.com', ca: egress.rootPem })
  assert.match(await ask(inner, 'verify.example.com'), /https verify\.example\.com/)
})

test('the server reaches itself, over TLS as it seems or without', async () => {
  const { egress } = await open({})
  for (const [send, scheme] of [
    [requestHttp, 'http'],
    [requestHttps, 'https'],
  ] as const) {
    const createConnection = () => egress.connect(scheme === 'https')
    const headers = { host: 'hello-1234.twil.io' }
    const request = send(`${scheme}://hello-1234.twil.io/a`, { createConnection, headers }).end()
    const [response] = await once(request, 'response')
    assert.equal(await text(response), `${scheme} hello-1234.twil.io 127.0.0.1 -`)
  }
})

test('each account has an address of its own, and cannot claim another', async () => {
  const { path, egress } = await open({})
  const other = join(folder, 'other')
  await egress.listen(other, `AC${'2'.repeat(32)}`)
  const asking = async (door: string) => {
    const { socket } = await tunnel(door, 'api.twilio.com:80')
    const forwarded = 'X-Forwarded-For: 10.9.8.7\r\nX-Forwarded-Proto: https\r\n'
    return (await ask(socket, 'api.twilio.com', forwarded)).split('\r\n\r\n')[1]
  }
  const [first, again, another] = [await asking(path), await asking(path), await asking(other)]
  assert.match(first ?? '', /^http api\.twilio\.com 127\.(12[89]|1[3-9]\d|2\d\d)\.\d+\.\d+ -$/)
  assert.equal(again, first)
  assert.notEqual(another, first)
})

test('this machine, its neighbours and private networks are not reached, by address or by name', async () => {
  const server = createServer((socket) => socket.end('reached'))
  const port = await listen(server)
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address))
  const refused = [
    '127.0.0.1',
    '127.1.2.3',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    ...own,
  ]
  const { path } = await open({}, async (name) =>
    name === 'localhost'
      ? [
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ]
      : name.endsWith('.mixed.test')
        ? [
            { address: '93.184.215.14', family: 4 },
            { address: '127.0.0.1', family: 4 },
          ]
        : [{ address: refused[Number(name.split('.')[0])] ?? '', family: 4 }],
  )
  for (const [index, address] of refused.entries()) {
    const literal = address.includes(':') ? `[${address}]` : address
    for (const target of [`${literal}:${port}`, `${index}.evil.test:${port}`])
      assert.equal((await tunnel(path, target)).status, 403, `${target} (${address})`)
  }
  assert.equal((await tunnel(path, `localhost:${port}`)).status, 403)
  assert.equal((await tunnel(path, `x.mixed.test:${port}`)).status, 403, 'one of several')
})

test('even where a list names them, this machine and its neighbours are not reached', async () => {
  const port = await listen(createServer((socket) => socket.end('reached')))
  const { path } = await open({
    COUNTERSIGN_FUNCTIONS_EGRESS: 'all, localhost, 127.0.0.0/8, 169.254.0.0/16, ::/0',
  })
  for (const host of ['localhost', '127.0.0.1', '[::1]', '[::ffff:7f00:1]', '169.254.169.254'])
    assert.equal((await tunnel(path, `${host}:${port}`)).status, 403, host)
})

test('what the setting allows is reached, whatever is said there', async () => {
  const port = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.write('got ')
      socket.pipe(socket)
    }),
  )
  const resolve = async (name: string) => [
    { address: name === 'db.internal' ? '10.1.2.3' : '93.184.215.14', family: 4 },
  ]
  const cases: [setting: string, allowed: string[], refused: string[]][] = [
    ['all', ['example.com', '93.184.215.14', '[2606:2800:21f::1]'], ['10.1.2.3', 'db.internal']],
    ['none', [], ['example.com', '93.184.215.14']],
    [
      'example.com *.example.org',
      ['example.com', 'Example.com.', 'a.example.org', 'a.b.example.org'],
      ['example.net', 'a.example.com', 'example.org', 'badexample.org', '93.184.215.14'],
    ],
    ['all, 10.1.0.0/16', ['db.internal', '10.1.2.3', 'example.com'], ['10.2.0.1']],
    ['db.internal, 10.1.0.0/16', ['db.internal', '10.1.2.3'], ['example.com', '93.184.215.14']],
    ['db.internal', [], ['db.internal']],
  ]
  for (const [setting, allowed, refused] of cases) {
    const { path } = await open({ COUNTERSIGN_FUNCTIONS_EGRESS: setting }, resolve, port)
    for (const host of allowed) {
      const { status, socket } = await tunnel(path, `${host}:5432`)
      assert.equal(status, 200, `${setting}: ${host}`)
      socket.end('hello')
      assert.equal(await text(socket), 'got hello')
    }
    for (const host of refused)
      assert.equal((await tunnel(path, `${host}:5432`)).status, 403, `${setting}: ${host}`)
  }
})

test('what is allowed and not there is 502, and what is no target 400', async () => {
  const gone = createServer()
  const port = await listen(gone)
  await once(gone.close(), 'close')
  const { path } = await open(
    {},
    async (name) => {
      if (name === 'unknown.test') throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      return [{ address: '93.184.215.14', family: 4 }]
    },
    port,
  )
  assert.equal((await tunnel(path, 'example.com:443')).status, 502)
  assert.equal((await tunnel(path, 'unknown.test:443')).status, 502)
  for (const target of ['nowhere', 'host:0', 'a@b:443', 'http://x:443'])
    assert.match(await talk(path, `CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`), /^HTTP\/1.1 400 /, target)
  assert.match(await talk(path, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 405 /)
})

test('what is neither TLS nor HTTP ends its own connection only', async () => {
  const { path } = await open({})
  for (const nonsense of [Buffer.from([0x16, 3, 1, 0, 4, 1, 2, 3, 4, 5]), Buffer.from('nonsense\r\n\r\n')]) {
    const { socket } = await tunnel(path, 'api.twilio.com:443')
    socket.on('error', () => {}).write(nonsense)
    socket.resume()
    await once(socket, 'close')
    const { socket: gone } = await tunnel(path, 'api.twilio.com:443')
    gone.write(nonsense.subarray(0, 3))
    gone.destroy()
  }
  const { socket } = await tunnel(path, 'api.twilio.com:80')
  assert.match(await ask(socket, 'api.twilio.com'), /^HTTP\/1.1 200/)
})

test('who does not come to the end of a request is cut off, also after another', async () => {
  const clock = fakeClock()
  const { path, egress } = await open({}, undefined, undefined, { ...world, clock })
  const silent = await tunnel(path, 'api.twilio.com:80')
  const halfway = await tunnel(path, 'api.twilio.com:80')
  halfway.socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  const secure = await tunnel(path, 'api.twilio.com:443')
  const inner = connectTls({ socket: secure.socket, servername: 'api.twilio.com', ca: egress.rootPem })
  await once(inner, 'secureConnect')
  const second = await tunnel(path, 'api.twilio.com:80')
  await clock.advance('80s')
  second.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(second.socket, 'data')
  second.socket.write('GET / HTTP/1.1\r\n')
  const ends = [silent, halfway, secure].map(({ socket }) => once(socket.resume(), 'close'))
  await clock.advance('11s')
  await Promise.all(ends)
  assert.equal(second.socket.closed, false)
  const end = once(second.socket.resume(), 'close')
  await clock.advance('90s')
  await end
  assert.ok(second.socket.destroyed)
})

test('a door that is closed ends what went through it', async () => {
  const port = await listen(createServer((socket) => socket.on('error', () => {})))
  const resolve = async () => [{ address: '93.184.215.14', family: 4 }]
  const { door, path } = await open({}, resolve, port)
  const { socket } = await tunnel(path, 'example.com:443')
  const { socket: own } = await tunnel(path, 'api.twilio.com:80')
  const ends = Promise.all([once(socket, 'close'), once(own, 'close')])
  socket.on('error', () => {}).resume()
  own.on('error', () => {}).resume()
  door.close()
  await ends
  assert.ok(socket.destroyed && own.destroyed)
})

/** An egress whose way out leads to a port of this machine, wherever it was going. */
async function open(
  env: Record<string, string>,
  resolve?: (name: string) => Promise<{ address: string; family: number }[]>,
  out?: number,
  at: World = world,
) {
  const config = await loadConfig({ COUNTERSIGN_DATA_DIR: folder, ...env }, folder, async () => {
    throw Object.assign(new Error('no file'), { code: 'ENOENT' })
  })
  /** What is looked up has to be allowed, and then leads to that port. */
  const dial = (({ host, lookup }: { host: string; lookup: LookupFunction }) =>
    connect({
      host: 'out.test',
      port: out ?? 0,
      allowHalfOpen: true,
      lookup: (_host, options, done) => {
        const home = () => done(null, [{ address: '127.0.0.1', family: 4 }])
        if (isIP(host)) home()
        else lookup(host, options, (error) => (error ? done(error, []) : home()))
      },
    })) as unknown as typeof connect
  const given = resolve && { resolve, ...(out !== undefined && { dial }) }
  const egress: Egress = openEgress({ config, ...at }, given)
  opened.push(egress)
  egress.answerBy((request: IncomingMessage, response) => {
    const { remoteAddress } = request.socket
    const scheme = 'encrypted' in request.socket && request.socket.encrypted ? 'https' : 'http'
    response.end(
      `${scheme} ${request.headers.host} ${remoteAddress} ${request.headers['x-forwarded-for'] ?? '-'}`,
    )
  })
  const path = join(folder, `door-${doors++}`)
  return { egress, path, door: await egress.listen(path, ACCOUNT) }
}

async function listen(server: Server): Promise<number> {
  opened.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  server.unref()
  return port
}

async function tunnel(socketPath: string, path: string): Promise<{ status: number; socket: Socket }> {
  const request = requestHttp({ socketPath, method: 'CONNECT', path, agent: false }).end()
  const [response, socket, head] = await once(request, 'connect')
  if (head.length > 0) socket.unshift(head)
  return { status: response.statusCode, socket }
}

const requestTo = (host: string, more = '') =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`

function ask(socket: Socket, host: string, more = ''): Promise<string> {
  socket.write(requestTo(host, more))
  return text(socket)
}

function talk(path: string, words: string): Promise<string> {
  const socket = connect(path)
  socket.write(words)
  return text(socket)
}
