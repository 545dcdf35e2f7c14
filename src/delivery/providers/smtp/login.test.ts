import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { Value } from 'typebox/value'
import { makeSelfSigned } from '../../../../test/support/certificate.ts'
import { makeTemporaryDirectory } from '../../../../test/support/engines.ts'
import { tryLogin } from './login.ts'
import { SmtpOptions } from './options.ts'

const auth = { user: 'mailer', password: 'pa55-w0rd-of-ours' }
const folder = makeTemporaryDirectory()
const makeCertificate = (name: string) => {
  const { key, cert } = makeSelfSigned(folder, name)
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
const { key, cert } = makeCertificate('mail')

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** smtp-server: STARTTLS with a certificate, and a log-in. */
async function startMailServer(t: TestContext, options: SMTPServerOptions = {}) {
  const seen: string[] = []
  const server = new SMTPServer({
    key,
    cert,
    onAuth({ username, password }, _, done) {
      const isRight = username === auth.user && password === auth.password
      seen.push(isRight ? 'log-in' : 'wrong log-in')
      done(isRight ? null : new Error('no'), { user: username })
    },
    onMailFrom(_, __, done) {
      seen.push('mail')
      done()
    },
    ...options,
  })
  server.on('error', () => {})
  return { port: await listen(t, server.server), seen }
}

/** A server that says one thing to everybody. */
const startSaying = (t: TestContext, line: string) =>
  listen(
    t,
    createServer((socket) => socket.on('error', () => {}).write(line)),
  )

function logIn(port: number, given: Partial<SmtpOptions> = {}) {
  const own = { host: '127.0.0.1', port, from: 'codes@acme.example', tls_ca: cert }
  return tryLogin(Value.Decode(SmtpOptions, Value.Default(SmtpOptions, { ...own, auth, ...given })))
}

test('it begins TLS and logs in, and sends nothing', async (t) => {
  const { port, seen } = await startMailServer(t)
  assert.equal(await logIn(port), undefined)
  assert.deepEqual(seen, ['log-in'])
  const { port: implicit } = await startMailServer(t, { secure: true })
  assert.equal(await logIn(implicit, { tls: 'implicit' }), undefined)
})

test('a relay on the same machine needs neither', async (t) => {
  const { port } = await startMailServer(t, { disabledCommands: ['AUTH', 'STARTTLS'] })
  const options = { host: '127.0.0.1', port, from: 'codes@acme.example', tls: 'none' }
  assert.equal(await tryLogin(Value.Decode(SmtpOptions, Value.Default(SmtpOptions, options))), undefined)
})

test('a wrong password is called that, and not told', async (t) => {
  const { port, seen } = await startMailServer(t)
  const wrong = { user: auth.user, password: 'an0ther-0ne' }
  const obstacle = await logIn(port, { auth: wrong })
  assert.equal(obstacle?.fault, 'refuses user or password: 535')
  assert.equal(obstacle?.isPassing, undefined)
  assert.deepEqual(seen, ['wrong log-in'])
  const told = JSON.stringify(obstacle)
  assert.ok(!told.includes(wrong.password) && !told.includes(Buffer.from(wrong.password).toString('base64')))
})

test('without STARTTLS nothing is said, and it is called so', async (t) => {
  const { port, seen } = await startMailServer(t, { disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
  assert.match((await logIn(port))?.fault ?? '', /^refuses STARTTLS: 5\d\d/)
  assert.deepEqual(seen, [])
})

test('a certificate of nobody we trust, or of another name, is called so', async (t) => {
  const { port, seen } = await startMailServer(t)
  const other = makeCertificate('other').cert
  for (const [given, code] of [
    [{ tls_ca: other }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [{ tls_server_name: 'other.test' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const) {
    assert.equal((await logIn(port, given))?.fault, `has a certificate that is not accepted: ${code}`)
  }
  assert.deepEqual(seen, [])
})

test('a port of the other kind of TLS is called so', async (t) => {
  const { port } = await startMailServer(t)
  assert.match(
    (await logIn(port, { tls: 'implicit' }))?.fault ?? '',
    /refuses TLS, or speaks none on this port/,
  )
  const { port: implicit } = await startMailServer(t, { secure: true })
  const obstacle = await logIn(implicit, { greeting_timeout_ms: 100 })
  assert.match(obstacle?.advice ?? '', /set tls: implicit/)
})

for (const [line, fault, isPassing] of [
  [
    '554 5.7.1 no mail from mailer at 192.0.2.1\r\n',
    /^refuses us: 554 5\.7\.1 no mail from ••• at 192/,
    undefined,
  ],
  ['421 4.3.2 too many connections\r\n', /^refuses us: 421 4\.3\.2 too many connections$/, true],
  ['SSH-2.0-OpenSSH\r\n', /^does not speak as a mail server$/, undefined],
] as const) {
  test(`to the greeting ${line.trim()}: ${fault.source}`, async (t) => {
    const obstacle = await logIn(await startSaying(t, line))
    assert.match(obstacle?.fault ?? '', fault)
    assert.equal(obstacle?.isPassing, isPassing)
  })
}

test('a closed port is one', async (t) => {
  const server = createServer()
  const port = await listen(t, server)
  await new Promise((resolve) => server.close(resolve))
  assert.equal((await logIn(port))?.fault, 'cannot be reached: ECONNREFUSED')
})
