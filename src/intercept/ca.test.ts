import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { promisify } from 'node:util'
import { needs } from '../../test/sdk/exec/needs.ts'
import { world } from '../../test/sdk/exec/world.ts'
import { isTwilioHost } from '../http/urls.ts'
import { type Authority, openAuthority } from './ca.ts'
import { issueCertificate } from './certificate.ts'
import { implicit, objectId, octetString, sequence } from './der.ts'
import { makeJavaTrustStore } from './java-trust-store.ts'

const run = promisify(execFile)
const YEAR_MS = 365 * 86_400_000

let folder: string
let authority: Authority
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-ca-'))
  authority = await openAuthority(join(folder, 'ca'), world)
})
after(() => rm(folder, { recursive: true }))

test('the root and the issuing certificate are kept, the issuing key for its owner only, the root key not at all', async () => {
  const files = (await readdir(join(folder, 'ca'))).sort()
  assert.deepEqual(files, ['issuing.key', 'issuing.pem', 'root.pem'])
  assert.equal((await stat(join(folder, 'ca', 'issuing.key'))).mode & 0o777, 0o600)
  const root = new X509Certificate(authority.rootPem)
  const key = createPrivateKey(await readFile(join(folder, 'ca', 'issuing.key')))
  assert.equal(root.checkPrivateKey(key), false)
})

test('the authority is made once, also by two commands at the same time', async () => {
  const path = join(folder, 'raced', 'ca')
  const racers = await Promise.all([1, 2, 3].map(() => openAuthority(path, world)))
  const kept = await openAuthority(path, world)
  assert.equal(await readFile(join(path, 'root.pem'), 'utf8'), kept.rootPem)
  for (const { rootPem, certify } of racers)
    assert.ok(chainOf(certify('twilio.com').cert)[1]?.verify(keyOf(rootPem)))
  assert.deepEqual(await readdir(join(folder, 'raced')), ['ca'])
})

test('an authority that would end before its certificates do is replaced', async () => {
  const path = join(folder, 'old', 'ca')
  const at = (now: number) => ({ ...world, clock: { ...world.clock, now: () => now } })
  const first = await openAuthority(path, at(Date.now()))
  const later = await openAuthority(path, at(Date.now() + 8 * YEAR_MS))
  const last = await openAuthority(path, at(Date.now() + 9 * YEAR_MS))
  assert.equal(later.rootPem, first.rootPem)
  assert.notEqual(last.rootPem, first.rootPem)
})

test('a certificate is for one host, fresh each time, and valid for at most 397 days', () => {
  const first = authority.certify('verify.twilio.com')
  const [leaf, issuing] = chainOf(first.cert)
  assert.equal(leaf?.subjectAltName, 'DNS:verify.twilio.com')
  assert.equal(leaf.checkHost('api.twilio.com'), undefined)
  assert.ok(issuing && leaf.verify(issuing.publicKey) && leaf.checkPrivateKey(createPrivateKey(first.key)))
  assert.ok(leaf.validToDate.getTime() - leaf.validFromDate.getTime() <= 397 * 86_400_000)
  assert.notEqual(chainOf(authority.certify('verify.twilio.com').cert)[0]?.serialNumber, leaf.serialNumber)
})

test('hosts of Twilio are told from those that only look like them', () => {
  assert.ok(
    ['verify.twilio.com', 'twilio.com', 'api.ashburn.us1.twilio.com', 'x-1-dev.twil.io'].every(isTwilioHost),
  )
  assert.equal(['nottwilio.com', 'twilio.com.example.com', 'twilio.org', ''].some(isTwilioHost), false)
})

test('Node trusts a Twilio host and refuses any other', async () => {
  assert.equal(await handshake('verify.twilio.com'), 'trusted')
  assert.equal(await handshake('example.com'), 'permitted subtree violation')
})

test('OpenSSL trusts Twilio hosts and refuses other names and all addresses', needs('openssl'), async () => {
  const root = await write('root.pem', authority.rootPem)
  for (const host of ['verify.twilio.com', 'hello-1234-dev.twil.io']) {
    assert.match(await verify(root, authority.certify(host).cert), /: OK/)
  }
  assert.match(await verify(root, authority.certify('example.com').cert), /permitted subtree violation/)
  assert.match(await verify(root, await certifyAddress()), /excluded subtree violation/)
})

test('Java trusts Twilio hosts and refuses other names and addresses', needs('java'), async () => {
  const store = join(folder, 'trust.p12')
  await writeFile(store, makeJavaTrustStore([authority.rootPem]))
  const chains = [
    authority.certify('verify.twilio.com').cert,
    authority.certify('example.com').cert,
    await certifyAddress(),
  ]
  const files = await Promise.all(chains.map((chain, i) => write(`java-${i}.pem`, chain)))
  const program = join(import.meta.dirname, '../../test/sdk/exec/VerifyTrust.java')
  const { stdout } = await run('java', [program, store, ...files])
  assert.deepEqual(stdout.trim().split('\n'), ['trusted', 'refused', 'refused'])
})

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** What somebody with the issuing key, and no scruples, could sign. */
async function certifyAddress(): Promise<string> {
  const privateKey = createPrivateKey(await readFile(join(folder, 'ca', 'issuing.key')))
  const issuing = await readFile(join(folder, 'ca', 'issuing.pem'), 'utf8')
  const name = /CN=(.*)/.exec(new X509Certificate(issuing).subject)?.[1] ?? ''
  const address = sequence(
    objectId('2.5.29.17'),
    octetString(sequence(implicit(7, Buffer.from([127, 0, 0, 1])))),
  )
  const publicKey = createPublicKey(privateKey)
  const subject = { name: 'address', publicKey, days: 30, extensions: [address] }
  return issueCertificate(world, subject, { name, privateKey, publicKey }) + issuing
}

async function verify(root: string, chain: string): Promise<string> {
  const file = await write('chain.pem', chain)
  const args = ['verify', '-x509_strict', '-no-CApath', '-CAfile', root, '-untrusted', file, file]
  return run('openssl', args).then(
    ({ stdout }) => stdout,
    (error) => error.stderr,
  )
}

/** `trusted`, or why a TLS client of Node's refused. */
async function handshake(host: string): Promise<string> {
  const server = createServer(authority.certify(host)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername: host, ca: authority.rootPem })
  try {
    return await once(socket, 'secureConnect').then(
      () => 'trusted',
      (error) => error.message,
    )
  } finally {
    socket.destroy()
    server.close()
  }
}

const keyOf = (pem: string) => new X509Certificate(pem).publicKey
const chainOf = (pem: string) =>
  [...pem.matchAll(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)].map(([one]) => new X509Certificate(one))
