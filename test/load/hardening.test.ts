/** What scanners find of the server's TLS, and whether slow and huge requests keep it from serving. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { get } from 'node:http'
import { connect } from 'node:http2'
import { get as getHttps } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { needs } from '../sdk/exec/needs.ts'
import { makeSelfSigned } from '../support/certificate.ts'
import { makeTemporaryDirectory, postgresUrl } from '../support/engines.ts'
import { type Installation, makeInstallation, type ServerProcess } from './server-process.ts'

/** Standard output, whatever the status: scanners tell what they found by that. */
const run = (command: string, ...args: string[]) =>
  new Promise<string>((resolve) => {
    execFile(command, args, { maxBuffer: 1e7 }, (_error, out) => resolve(String(out)))
  })

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
