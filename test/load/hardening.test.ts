/** What scanners find of the server's TLS, and whether slow and huge requests keep it from serving. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:http2'
import { get as getHttps } from 'node:https'
import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { needs } from '../sdk/exec/needs.ts'
import { makeSelfSigned } from '../support/certificate.ts'
import { makeTemporaryDirectory, postgresUrl } from '../support/engines.ts'
import { freshNumber } from '../support/server.ts'
import { type Installation, makeInstallation, type ServerProcess } from './server-process.ts'

/** Standard output, whatever the status: scanners tell what they found by that. */
const run = (command: string, ...args: string[]) =>
  new Promise<string>((resolve) => {
    execFile(command, args, { maxBuffer: 1e7 }, (_error, out) => resolve(String(out)))
  })

const portOf = (url: string) => Number(new URL(url).port)

/**
 * Says `words` and stays, whatever the server does; resolves to what it answered when the server has let go of the
 * connection altogether. To be told that it has ended its half is not enough, and ours is never ended.
 */
const cling = (port: number, words = '') =>
  new Promise<string>((resolve) => {
    const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true })
    let answer = ''
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text
    })
    socket.once('end', () => {
      // Only words that come for nobody are refused.
      const talking = setInterval(() => socket.write('and'), 100)
      socket.once('close', () => clearInterval(talking))
    })
    socket.on('error', () => {}).once('close', () => resolve(answer))
    if (words !== '') socket.write(words)
  })
const clingMany = (count: number, port: number, words = '') =>
  Promise.all(Array.from({ length: count }, () => cling(port, words)))

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const frame = (type: number, flags: number, stream: number, payload: readonly number[] = []) =>
  Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload])
const SETTINGS = frame(4, 0, 0)
/** `:method: GET`, and more to come. */
const FIRST_HEADER = frame(1, 0, 1, [0x82])

/** An HTTP/2 connection that says `words`; `gone` resolves when it is closed. */
async function speakHttp2(port: number, ...words: readonly (string | Buffer)[]) {
  const options = { port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false }
  const socket = connectTls(options)
  const gone = new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()))
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  for (const word of words) socket.write(word)
  socket.resume()
  return { gone }
}

// Nothing of it asks the database, so it need not be told twice.
if (!postgresUrl)
  describe('a server with TLS of its own', { concurrency: true }, () => {
    let installation: Installation
    let server: ServerProcess
    let address: string
    before(async () => {
      const { cert, key } = makeSelfSigned(makeTemporaryDirectory(), 'localhost', 90)
      const env = { COUNTERSIGN_TLS_CERT: cert, COUNTERSIGN_TLS_KEY: key }
      installation = await makeInstallation({ database: 'sqlite', env })
      server = await installation.start()
      address = new URL(server.url).host
    })
    after(() => installation.remove())

    test(
      'sslscan finds TLS 1.2 and 1.3, and no cipher without authenticated encryption',
      needs('sslscan'),
      async () => {
        const found = await run('sslscan', '--no-colour', '--no-cipher-details', address)
        const protocols = [...found.matchAll(/^(SSLv\d|TLSv1\.\d) +(enabled|disabled)$/gm)].map(([line]) =>
          line.replace(/ +/, ' '),
        )
        assert.deepEqual(protocols, [
          'SSLv2 disabled',
          'SSLv3 disabled',
          'TLSv1.0 disabled',
          'TLSv1.1 disabled',
          'TLSv1.2 enabled',
          'TLSv1.3 enabled',
        ])
        const ciphers = [...found.matchAll(/^(?:Preferred|Accepted) +TLSv1\.\d +\d+ bits +(\S+)/gm)].map(
          ([, c = '']) => c,
        )
        assert.ok(ciphers.length >= 5, found)
        for (const cipher of ciphers) assert.match(cipher, /^(TLS_|ECDHE-).*(GCM|POLY1305)/)
      },
    )

    test('testssl.sh finds nothing wrong but that nobody vouches for the certificate', {
      ...needs('testssl'),
      timeout: 120_000,
    }, async () => {
      const sections = ['-p', '-s', '-S', '-U', '-h']
      const found = await run(
        'testssl',
        '--quiet',
        '--color',
        '0',
        '--warnings',
        'batch',
        ...sections,
        address,
      )
      assert.match(found, /Strict Transport Security +365 days/)
      assert.match(found, /Secure Client-Initiated Renegotiation +not vulnerable/)
      const wrong = found.split('\n').filter((line) => /NOT ok|VULNERABLE/.test(line))
      assert.deepEqual(
        wrong.filter((line) => !/Chain of trust +NOT ok \(self signed\)|neither CRL nor OCSP URI/.test(line)),
        [],
      )
    })

    for (const [mode, what, ending] of [
      ['-H', 'headers', /No open connections left/],
      ['-B', 'bodies', /No open connections left/],
      // Who reads slowly holds nothing but a socket.
      ['-X', 'reads', /Hit test time limit|No open connections left/],
    ] as const) {
      test(`300 connections with slow ${what} do not keep it from serving`, {
        ...needs('slowhttptest'),
        timeout: 60_000,
      }, async () => {
        const slow = ['-c', '300', mode, '-r', '100', '-i', '5', '-l', '25', '-p', '5']
        const colourful = await run('slowhttptest', ...slow, '-u', `https://${address}/v2/Services`)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are
        const told = colourful.replace(/\u001b\[[\d;]*m/g, '')
        assert.match(told, ending, told)
        assert.doesNotMatch(told, /service available: +NO/)
        assert.equal((await fetchHealth(address)).status, 200)
      })
    }

    test('who connects and says nothing of TLS is let go', { timeout: 50_000 }, async () => {
      const port = portOf(server.url)
      const answers = await Promise.all([
        clingMany(50, port),
        clingMany(10, port, 'GET /healthz HTTP/1.1\r\n\r\n'),
        // The head of a handshake of 512 bytes.
        clingMany(10, port, '\x16\x03\x01\x02\x00\x01'),
      ])
      for (const answer of answers.flat()) assert.doesNotMatch(answer, /HTTP/)
    })

    for (const [what, words] of [
      ['HTTP/2: who begins a request and does not end its headers', [PREFACE, SETTINGS, FIRST_HEADER]],
      ['HTTP/2: who asks for nothing', [PREFACE, SETTINGS]],
      ['HTTP/2: who does not even begin', []],
    ] as const)
      test(`${what} is let go`, { timeout: 150_000 }, async () => {
        const connections = await Promise.all(
          Array.from({ length: 10 }, () => speakHttp2(portOf(server.url), ...words)),
        )
        await Promise.all(connections.map(({ gone }) => gone))
        assert.equal((await fetchHealth(address)).status, 200)
      })

    // Node's own time-outs are longer than this test may take.
    test('the door of this machine is as strict', { timeout: 50_000 }, async () => {
      const { url } = JSON.parse(readFileSync(join(installation.dataDir, 'server.json'), 'utf8'))
      assert.match(url, /^http:/)
      const [silent, slow] = await Promise.all([
        clingMany(10, portOf(url)),
        clingMany(10, portOf(url), 'GET /healthz HTTP/1.1\r\nhost: local'),
      ])
      for (const answer of [...silent, ...slow]) assert.match(answer, /^HTTP\/1.1 408 /)

      const many = await Promise.all(
        Array.from({ length: 1_100 }, () => {
          const socket = connectSocket(portOf(url), '127.0.0.1')
          return new Promise<Socket | undefined>((resolve) => {
            socket.once('data', () => resolve(socket))
            socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined))
            socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
          })
        }),
      )
      const served = many.filter((socket) => socket !== undefined)
      for (const socket of served) socket.resetAndDestroy()
      assert.equal(served.length, 1_000)
    })

    test('HTTP/2: a body that does not come is not waited for', { timeout: 40_000 }, async (t) => {
      const session = connect(server.url, { rejectUnauthorized: false })
      t.after(() => session.destroy())
      const stream = session.request({
        ':method': 'POST',
        ':path': '/v2/Services',
        authorization: `Basic ${btoa(`${installation.accountSid}:${installation.authToken}`)}`,
        'content-type': 'application/x-www-form-urlencoded',
      })
      stream.write('FriendlyName=')
      stream.on('error', () => {})
      await new Promise((resolve) => stream.on('close', resolve))
      assert.notEqual(stream.rstCode, 0)
    })
  })

const fetchHealth = (address: string) =>
  new Promise<{ status: number | undefined }>((resolve, reject) => {
    getHttps(`https://${address}/healthz`, { rejectUnauthorized: false }, (reply) => {
      reply.resume().on('end', () => resolve({ status: reply.statusCode }))
    }).on('error', reject)
  })

test('a huge body is 413, a huge header 431, and the server goes on', async () => {
  const installation = await makeInstallation({ database: 'sqlite' })
  try {
    const server = await installation.start()
    assert.equal((await server.post('/v2/Services', { FriendlyName: 'x'.repeat(70_000) })).status, 413)
    const status = await new Promise((resolve, reject) => {
      get(server.url, { headers: { 'x-huge': 'x'.repeat(17 * 1024) } }, (reply) => {
        resolve(reply.resume().statusCode)
      }).on('error', reject)
    })
    assert.equal(status, 431)
    assert.equal((await server.get('/healthz')).status, 200)
  } finally {
    await installation.remove()
  }
})

test('who says what is no request, or nothing, and stays, is let go', { timeout: 50_000 }, async () => {
  const installation = await makeInstallation({ database: 'sqlite' })
  try {
    const server = await installation.start()
    const port = portOf(server.url)
    const unfinished = `POST /v2/Services HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic ${btoa(
      `${installation.accountSid}:${installation.authToken}`,
    )}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nFriendly`
    const [garbage, silence, begun] = await Promise.all([
      clingMany(50, port, 'garbage\r\n\r\n'),
      clingMany(50, port),
      clingMany(10, port, unfinished),
    ])
    for (const answer of garbage)
      assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n[\s\S]*Malformed request/)
    for (const answer of [...silence, ...begun]) assert.match(answer, /^HTTP\/1.1 408 /)
  } finally {
    await installation.remove()
  }
})

// As above.
if (!postgresUrl)
  test('SIGTERM: nobody who stays keeps the server from its end', { timeout: 60_000 }, async () => {
    const { cert, key } = makeSelfSigned(makeTemporaryDirectory(), 'localhost', 90)
    const env = { COUNTERSIGN_TLS_CERT: cert, COUNTERSIGN_TLS_KEY: key }
    const installation = await makeInstallation({ database: 'sqlite', env })
    try {
      const server = await installation.start()
      const port = portOf(server.url)
      const { gone } = await speakHttp2(port, PREFACE, SETTINGS, FIRST_HEADER)
      const clinging = clingMany(3, port)
      // They were taken: it goes by their order.
      assert.equal((await fetchHealth(new URL(server.url).host)).status, 200)
      await server.stop('SIGTERM')
      await Promise.all([gone, clinging])
      assert.doesNotMatch(server.log(), /closing failed/)
    } finally {
      await installation.remove()
    }
  })

// As above.
if (!postgresUrl)
  describe('connections that are kept idle', { concurrency: false }, () => {
    /** As `src/listen.ts` has it. */
    const LIMIT = 15_000
    const IDLE = 10_000
    const AT_ONCE = 250
    // This process and the server have the same limit, and need some for other things.
    const descriptors =
      Number(execFileSync('sh', ['-c', 'ulimit -Hn']).toString()) || Number.POSITIVE_INFINITY
    const room = descriptors - 2_000
    const idle: Socket[] = []
    let installation: Installation
    let server: ServerProcess
    before(async () => {
      installation = await makeInstallation({ database: 'sqlite' })
      server = await installation.start()
    })
    after(async () => {
      for (const socket of idle) socket.resetAndDestroy()
      await installation.remove()
    })

    /** A connection that was answered once; undefined where it was refused. */
    const open = () =>
      new Promise<Socket | undefined>((resolve) => {
        const socket = connectSocket(Number(new URL(server.url).port), '127.0.0.1')
        socket.once('data', () => resolve(socket))
        socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined))
        socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
      })
    async function openMany(count: number): Promise<Socket[]> {
      const opened = await Promise.all(Array.from({ length: count }, open))
      return opened.filter((socket) => socket !== undefined)
    }
    const stillOpen = () => idle.filter((socket) => !socket.destroyed).length

    /** Starts and checks a verification over a connection that was there before. */
    async function verify(): Promise<void> {
      const to = freshNumber()
      assert.equal((await server.startVerification(to)).status, 201)
      const [message] = await server.messages(to, 10)
      assert.equal((await server.check(to, message?.code ?? '')).body.status, 'approved')
    }

    test('ten thousand of them do not keep it from serving, newcomers too', {
      timeout: 120_000,
    }, async () => {
      const wanted = Math.min(IDLE, room)
      while (idle.length < wanted) {
        const opened = await openMany(AT_ONCE)
        assert.equal(opened.length, AT_ONCE)
        idle.push(...opened)
      }
      await verify()
      const newcomers = await openMany(10)
      assert.equal(newcomers.length, 10)
      idle.push(...newcomers)
      assert.equal(stillOpen(), idle.length)
    })

    test('above the limit they are refused, those that are open are served, and room that is made is given', {
      timeout: 120_000,
      skip: room < LIMIT && `only ${descriptors} descriptors are allowed here`,
    }, async () => {
      let refused = 0
      while (refused === 0) {
        const opened = await openMany(AT_ONCE)
        refused = AT_ONCE - opened.length
        idle.push(...opened)
        assert.ok(idle.length <= LIMIT)
      }
      // But for what the client of this test itself has open.
      assert.ok(idle.length > LIMIT - 10, `${idle.length} were opened`)
      assert.equal(stillOpen(), idle.length)
      assert.equal((await openMany(20)).length, 0)
      await verify()
      assert.match(server.log(), /"connections":15000.*too many connections/)

      for (const socket of idle.splice(0, 100)) socket.resetAndDestroy()
      let served = await open()
      // The server learns of it in its own time.
      while (!served) served = await open()
      idle.push(served)
    })
  })
