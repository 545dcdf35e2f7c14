import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { until } from '../test/support/carrier.ts'
import { type Certificate, makeSelfSigned } from '../test/support/certificate.ts'
import { fakeClock } from '../test/support/clock.ts'
import { makeTemporaryDirectory } from '../test/support/engines.ts'
import { loadConfig } from './config.ts'
import { startServer } from './server.ts'
import { readTls, tlsOptions, watchTls } from './tls.ts'

const folder = makeTemporaryDirectory()
const [one, two] = [makeSelfSigned(folder, 'one'), makeSelfSigned(folder, 'two')]
const place = (name: string) => ({ cert: join(folder, `${name}-cert`), key: join(folder, `${name}-key`) })

function put(from: Certificate, to: Certificate): void {
  copyFileSync(from.cert, to.cert)
  copyFileSync(from.key, to.key)
}

const configOf = ({ cert, key }: Certificate, dataDir: string) =>
  loadConfig(
    {
      PORT: '0',
      COUNTERSIGN_TLS_CERT: cert,
      COUNTERSIGN_TLS_KEY: key,
      COUNTERSIGN_DATA_DIR: dataDir,
      COUNTERSIGN_LOG_LEVEL: 'silent',
    },
    dataDir,
    (path) => readFile(path, 'utf8'),
  )

function open(t: TestContext, port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket))
    socket.on('error', reject)
    t.after(() => socket.destroy())
  })
}

const nameOf = async (t: TestContext, port: number) =>
  String((await open(t, port)).getPeerCertificate().subject.CN)

test('a certificate that was replaced is served from the next look on; a broken one never', async (t) => {
  const files = place('watched')
  put(one, files)
  const config = await configOf(files, folder)
  const tls = await readTls(config)
  assert.ok(tls)
  const clock = fakeClock()
  const errors: string[] = []
  const log = { info() {}, warn() {}, error: (_fields: object, message: string) => void errors.push(message) }
  const server = createServer(tlsOptions(tls))
  const watch = watchTls(server, tls, { config, clock, log })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  assert.equal(await nameOf(t, port), 'one')

  // Half of the pair is there, as between two renames.
  copyFileSync(two.cert, files.cert)
  await clock.advance('10s')
  await until(() => errors.length === 1)
  assert.equal(await nameOf(t, port), 'one')
  copyFileSync(two.key, files.key)
  await until(async () => {
    await clock.advance('10s')
    return (await nameOf(t, port)) === 'two'
  })
  writeFileSync(files.key, 'no key')
  await watch.reload()
  assert.equal(await nameOf(t, port), 'two')
  put(one, files)
  await watch.reload()
  assert.equal(await nameOf(t, port), 'one')
  watch.close()
  put(two, files)
  await clock.advance('60s')
  assert.equal(await nameOf(t, port), 'one')
})

test('files that are no certificate and its key stop the start, and the setting is named', async () => {
  const gone = join(folder, 'gone')
  for (const [files, message] of [
    [{ cert: gone, key: one.key }, /^COUNTERSIGN_TLS_CERT names ".+gone", .+: there is no such file$/],
    [{ cert: one.cert, key: gone }, /^COUNTERSIGN_TLS_KEY names ".+gone", .+: there is no such file$/],
    [{ cert: one.cert, key: folder }, /^COUNTERSIGN_TLS_KEY names .+: it is a folder$/],
    [{ cert: one.key, key: one.cert }, /^COUNTERSIGN_TLS_CERT names .+: must be a certificate in PEM$/],
    [{ cert: one.cert, key: one.cert }, /^COUNTERSIGN_TLS_KEY names .+: must be a private key in PEM/],
    [
      { cert: one.cert, key: two.key },
      /^COUNTERSIGN_TLS_KEY names .+, which is not the key of the first certificate in COUNTERSIGN_TLS_CERT /,
    ],
  ] as const) {
    await assert.rejects(readTls(await configOf(files, folder)), { name: 'ConfigError', message })
  }
})

const start = async (t: TestContext) => {
  const dataDir = makeTemporaryDirectory()
  const files = place('served')
  put(one, files)
  const server = await startServer(await configOf(files, dataDir))
  t.after(() => server.close())
  return { server, files, port: Number(new URL(server.publicUrl).port) }
}

test('the server reloads at once when told to, and keeps connections that are open', async (t) => {
  const { server, files, port } = await start(t)
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false })
  t.after(() => agent.destroy())
  const ask = () =>
    new Promise<{ status: number | undefined; name: string }>((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: '/healthz', agent }, (reply) => {
        const name = String((reply.socket as TLSSocket).getPeerCertificate().subject.CN)
        reply.resume().on('end', () => resolve({ status: reply.statusCode, name }))
      })
        .on('error', reject)
        .end()
    })
  assert.deepEqual(await ask(), { status: 200, name: 'one' })
  put(two, files)
  await server.reload()
  assert.deepEqual(await ask(), { status: 200, name: 'one' })
  assert.equal(await nameOf(t, port), 'two')
})

test('TLS 1.2 with authenticated encryption, and 1.3: nothing else', async (t) => {
  const { port } = await start(t)
  const ca = readFileSync(one.cert)
  const shake = (options: object) =>
    new Promise<string>((resolve) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca,
        checkServerIdentity: () => undefined,
        ...options,
      })
      socket.on('secureConnect', () => resolve(`${socket.getProtocol()} ${socket.getCipher().name}`))
      socket.on('error', () => resolve('refused'))
      t.after(() => socket.destroy())
    })
  assert.match(await shake({}), /^TLSv1\.3 TLS_AES_256_GCM/)
  assert.match(await shake({ maxVersion: 'TLSv1.2' }), /^TLSv1\.2 ECDHE-ECDSA-AES\d+-GCM/)
  const old = { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }
  assert.equal(await shake({ ...old, maxVersion: 'TLSv1.1' }), 'refused')
  const cbc = 'ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:AES256-SHA'
  assert.equal(await shake({ maxVersion: 'TLSv1.2', ciphers: cbc }), 'refused')
})
