import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, createVerify, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Ajv } from 'ajv'
import PostalMime from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Outgoing, Provider, ProviderWorld, SendResult } from '../../provider.ts'
import { findFault, SmtpOptions } from './options.ts'
import { openSmtp } from './smtp.ts'

const NOW = Date.UTC(2026, 10, 20, 12)
const auth = { user: 'mailer', password: 'pa55-w0rd-of-ours' }
const never = new AbortController().signal

const email = { subject: 'Your Acme verification code', html: '<p>482913</p>' }
const message: Outgoing & { code: string } = {
  accountSid: 'AC00000000000000000000000000000001',
  sid: 'VL00000000000000000000000000000001',
  verificationSid: 'VE00000000000000000000000000000001',
  channel: 'email',
  to: 'Ann@Example.com',
  body: 'Your Acme verification code is:\n\n482913\n',
  code: '482913',
  locale: 'en',
  email,
  expiresAtMs: NOW + 600_000,
}

function makeCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'smtp-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=mail.test', '-addext', 'subjectAltName=DNS:mail.test', '-days', '2']
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...newKey, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  })
  const pair = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  return pair
}
let certificate: ReturnType<typeof makeCertificate> | undefined

interface Received {
  from: string
  to: string[]
  secure: boolean
  user: string | undefined
  raw: Buffer
}

/** smtp-server: STARTTLS with a certificate for mail.test, and a log-in. */
async function startMailServer(t: TestContext, options: SMTPServerOptions = {}) {
  certificate ??= makeCertificate()
  const received: Received[] = []
  const seen = { connections: 0, logins: 0 }
  const server = new SMTPServer({
    ...certificate,
    onConnect: (_, done) => {
      seen.connections++
      done()
    },
    onAuth({ username, password }, _, done) {
      seen.logins++
      if (username === auth.user && password === auth.password) done(null, { user: username })
      else done(new Error('no'))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        received.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: session.user as string | undefined,
          raw: Buffer.concat(chunks),
        })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {})
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  // Not awaited: it waits for the provider to hang up, which is closed after it.
  t.after(() => void server.close())
  const { port } = server.server.address() as AddressInfo
  return { port, received, seen, ca: certificate.cert }
}

/** A relay on the same machine: no TLS, no log-in. */
const startScriptless = (t: TestContext) => startMailServer(t, { disabledCommands: ['AUTH', 'STARTTLS'] })

function only(received: Received[]): Received {
  assert.equal(received.length, 1)
  return received[0] as Received
}

/** What a scripted server says to each command, and to the end of the message. `drop` hangs up. */
type Script = Partial<Record<'greeting' | 'EHLO' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'end', string>>

/** A server that says what the script says, without TLS. `heard` resolves when it comes to a silent step. */
async function startScripted(t: TestContext, script: Script) {
  const said = {
    greeting: '220 mail.test',
    EHLO: '250 mail.test',
    AUTH: '235 ok',
    end: '250 ok',
    DATA: '354 go on',
  }
  const { promise: heard, resolve } = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.setEncoding('utf8').on('error', () => {}))
    const reply = (step: string) => {
      const line = { ...said, ...script }[step as keyof Script] ?? '250 ok'
      if (line === 'silence') resolve()
      else if (line === 'drop') socket.destroy()
      else socket.write(`${line}\r\n`)
    }
    let pending = ''
    let inBody = false
    socket.on('data', (chunk: string) => {
      pending += chunk
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end)
        pending = pending.slice(end + 2)
        if (inBody && line !== '.') continue
        const step = inBody ? 'end' : line.slice(0, 4)
        inBody = step === 'DATA' && !script.DATA
        reply(step)
      }
    })
    reply('greeting')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, heard }
}

const validate = new Ajv({ useDefaults: true, strict: false }).compile(SmtpOptions)

function open(t: TestContext, given: Partial<SmtpOptions>) {
  const options: unknown = { host: '127.0.0.1', from: 'codes@acme.example', ...given }
  assert.ok(validate(options), JSON.stringify(validate.errors))
  const logged: object[] = []
  const log = (fields: object) => void logged.push(fields)
  const world: ProviderWorld = {
    clock: { now: () => NOW, after: () => () => {} },
    random: { bytes: randomBytes, int: () => 0 },
    log: { info: log, warn: log, error: log },
    receipt: () => Promise.reject(new Error('SMTP has no receipts')),
    incoming: () => Promise.reject(new Error('SMTP brings no messages')),
  }
  const provider = openSmtp('mail', options as SmtpOptions, world)
  t.after(() => provider.close())
  return { provider, logged }
}

const send = (provider: Provider, changes: Partial<Outgoing> = {}, signal = never): Promise<SendResult> =>
  provider.send({ ...message, ...changes }, signal)

test('a message goes over STARTTLS, logged in, to the one address', async (t) => {
  const { port, received, ca } = await startMailServer(t)
  const { provider } = open(t, {
    port,
    auth,
    tls_ca: ca,
    tls_server_name: 'mail.test',
    from_name: 'Acme, Inc.',
    reply_to: 'help@acme.example',
  })

  assert.deepEqual(await send(provider), {
    outcome: 'accepted',
    messageId: 'VL00000000000000000000000000000001@acme.example',
  })
  const { raw, ...envelope } = only(received)
  assert.deepEqual(envelope, {
    from: 'codes@acme.example',
    to: ['Ann@example.com'],
    secure: true,
    user: 'mailer',
  })
  const mail = await PostalMime.parse(raw)
  assert.equal(mail.subject, 'Your Acme verification code')
  assert.equal(mail.text?.trim(), message.body.trim())
  assert.equal(mail.html?.trim(), '<p>482913</p>')
  assert.equal(mail.messageId, '<VL00000000000000000000000000000001@acme.example>')
  assert.equal(mail.date, '2026-11-20T12:00:00.000Z')
  assert.deepEqual(mail.from, { name: 'Acme, Inc.', address: 'codes@acme.example' })
  assert.deepEqual(mail.to, [{ name: '', address: 'Ann@example.com' }])
  assert.equal(mail.replyTo?.[0]?.address, 'help@acme.example')
  const header = (key: string) => mail.headers.find((h) => h.key === key)?.value
  assert.equal(header('auto-submitted'), 'auto-generated')
  assert.equal(header('x-auto-response-suppress'), 'All')
  assert.equal(header('list-unsubscribe'), undefined)
  assert.equal(provider.health().state, 'up')
})

test('TLS from the first byte works as well', async (t) => {
  const { port, received, ca } = await startMailServer(t, { secure: true })
  const { provider } = open(t, { port, auth, tls: 'implicit', tls_ca: ca, tls_server_name: 'mail.test' })
  assert.equal((await send(provider)).outcome, 'accepted')
  assert.equal(received[0]?.secure, true)
})

test('many messages share few connections', async (t) => {
  const { port, received, seen, ca } = await startMailServer(t)
  const { provider } = open(t, { port, auth, tls_ca: ca, tls_server_name: 'mail.test', max_connections: 2 })
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, i) => send(provider, { to: `n${i}@example.com` })),
  )
  assert.ok(results.every(({ outcome }) => outcome === 'accepted'))
  assert.equal(new Set(received.map(({ to }) => to[0])).size, 50)
  assert.equal(seen.connections, 2)
})

test('an address in any script is sent as UTF-8 where the server takes that', async (t) => {
  const { port, received } = await startScriptless(t)
  const { provider } = open(t, { port, tls: 'none' })
  assert.equal((await send(provider, { to: '用户@example.com' })).outcome, 'accepted')
  assert.deepEqual(only(received).to, ['用户@example.com'])
})

test('a sender of the message takes the place of the configured one', async (t) => {
  const { port, received } = await startScriptless(t)
  const { provider } = open(t, { port, tls: 'none' })
  const changed = { ...email, from: 'other@brand.example', fromName: 'Brand' }
  assert.equal((await send(provider, { email: changed })).outcome, 'accepted')
  const { from, raw } = only(received)
  assert.equal(from, 'other@brand.example')
  assert.deepEqual((await PostalMime.parse(raw)).from, {
    name: 'Brand',
    address: 'other@brand.example',
  })
})

test('without STARTTLS nothing is said: no password, no message', async (t) => {
  const { port, received, seen } = await startMailServer(t, {
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
  })
  const { provider, logged } = open(t, { port, auth })
  const result = await send(provider)
  assert.equal(result.outcome, 'rejected')
  assert.equal(result.outcome === 'rejected' && result.kind, 'config')
  assert.deepEqual([seen.logins, received.length], [0, 0])
  assert.equal(provider.health().state, 'down')
  assert.equal(logged.length, 1)
})

test('a certificate of nobody we trust, or of another name, is refused', async (t) => {
  const { port, received, seen, ca } = await startMailServer(t)
  for (const tls of [{ tls_server_name: 'mail.test' }, { tls_ca: ca, tls_server_name: 'other.test' }]) {
    const { provider } = open(t, { port, auth, ...tls })
    const result = await send(provider)
    assert.equal(result.outcome === 'rejected' && result.kind, 'config', JSON.stringify(result))
    assert.equal(provider.health().state, 'down')
  }
  assert.deepEqual([seen.logins, received.length], [0, 0])
})

test('a refused log-in takes the provider down, until one is taken', async (t) => {
  let password = 'changed'
  const { port, ca } = await startMailServer(t, {
    onAuth: (given, _, done) =>
      given.password === password ? done(null, { user: given.username }) : done(new Error('no')),
  })
  const { provider, logged } = open(t, { port, auth, tls_ca: ca, tls_server_name: 'mail.test' })
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(await send(provider), { outcome: 'rejected', kind: 'config', code: '535' })
    assert.deepEqual(provider.health(), { state: 'down', sinceMs: NOW, detail: '535' })
  }
  assert.equal(logged.length, 1)
  password = auth.password
  assert.equal((await send(provider)).outcome, 'accepted')
  assert.deepEqual(provider.health(), { state: 'up', sinceMs: NOW })
})

const replies: [Script, Partial<SendResult> & { kind?: string }][] = [
  [{ RCPT: '550 5.1.1 no such user' }, { outcome: 'rejected', kind: 'bad_number', code: '550 5.1.1' }],
  [{ RCPT: '550 no such user' }, { outcome: 'rejected', kind: 'bad_number', code: '550' }],
  [{ RCPT: '551 moved' }, { outcome: 'rejected', kind: 'bad_number', code: '551' }],
  [{ RCPT: '553 5.1.3 bad syntax' }, { outcome: 'rejected', kind: 'bad_number', code: '553 5.1.3' }],
  [{ RCPT: '552 5.2.2 mailbox full' }, { outcome: 'rejected', kind: 'bad_number', code: '552 5.2.2' }],
  [{ RCPT: '550 5.7.1 listed' }, { outcome: 'rejected', kind: 'blocked', code: '550 5.7.1' }],
  [{ RCPT: '554 no' }, { outcome: 'rejected', kind: 'blocked', code: '554' }],
  [
    { RCPT: '550-5.7.26 first\r\n550 5.7.26 second' },
    { outcome: 'rejected', kind: 'blocked', code: '550 5.7.26' },
  ],
  [{ MAIL: '550 5.1.8 sender unknown' }, { outcome: 'rejected', kind: 'config', code: '550 5.1.8' }],
  [{ MAIL: '550 who are you' }, { outcome: 'rejected', kind: 'config', code: '550' }],
  [{ MAIL: '530 5.7.0 log in first' }, { outcome: 'rejected', kind: 'config', code: '530 5.7.0' }],
  [{ MAIL: '530 log in first' }, { outcome: 'rejected', kind: 'config', code: '530' }],
  [{ end: '554 5.7.1 spam' }, { outcome: 'rejected', kind: 'blocked', code: '554 5.7.1' }],
  [{ end: '554 5.2.252 not your sender' }, { outcome: 'rejected', kind: 'blocked', code: '554 5.2.252' }],
  [{ end: '552 5.3.4 too big' }, { outcome: 'rejected', kind: 'content', code: '552 5.3.4' }],
  [{ RCPT: '451 4.7.1 greylisted' }, { outcome: 'busy', code: '451 4.7.1', retryAfterMs: 60_000 }],
  [{ RCPT: '450 later' }, { outcome: 'busy', code: '450', retryAfterMs: 60_000 }],
  [{ MAIL: '452 4.3.1 disk full' }, { outcome: 'busy', code: '452 4.3.1' }],
  [{ end: '451 4.3.0 later' }, { outcome: 'busy', code: '451 4.3.0', retryAfterMs: 60_000 }],
  [{ greeting: '421 4.3.2 too many' }, { outcome: 'busy', code: '421 4.3.2' }],
  [{ greeting: 'SSH-2.0-OpenSSH' }, { outcome: 'busy', code: 'eprotocol' }],
  [{ RCPT: 'drop' }, { outcome: 'busy', code: 'econnection' }],
  [{ end: 'drop' }, { outcome: 'unknown', code: 'econnection' }],
  [{ end: 'what?' }, { outcome: 'unknown', code: 'emessage' }],
]

for (const [script, expected] of replies) {
  const [[step, line]] = Object.entries(script) as [[string, string]]
  test(`to "${line.replace(/\s+/g, ' ')}" at ${step}: ${expected.outcome} ${expected.kind ?? ''}`, async (t) => {
    const { port } = await startScripted(t, script)
    const { provider } = open(t, { port, tls: 'none' })
    const { detail: _, ...result } = (await send(provider)) as SendResult & { detail?: string }
    assert.deepEqual(result, expected)
    const isAboutMessage = /MAIL|RCPT|end/.test(step) && line !== 'drop'
    assert.equal(provider.health().state, isAboutMessage ? 'up' : 'degraded')
  })
}

test('a server that is not there is busy, and degrades the health', async (t) => {
  const { provider } = open(t, { port: 1, tls: 'none' })
  assert.deepEqual(await send(provider), { outcome: 'busy', code: 'econnrefused' })
  assert.deepEqual(provider.health(), { state: 'degraded', sinceMs: NOW, detail: 'econnrefused' })
})

test('a server that never greets is given up in time', async (t) => {
  const { port } = await startScripted(t, { greeting: 'silence' })
  const { provider } = open(t, { port, tls: 'none', greeting_timeout_ms: 100 })
  const result = await send(provider)
  assert.equal(result.outcome, 'busy')
})

test('an abort before the message left is busy, after it is unknown; the next message is served', async (t) => {
  for (const [step, outcome] of [
    ['RCPT', 'busy'],
    ['end', 'unknown'],
  ] as const) {
    const { port, heard } = await startScripted(t, { [step]: 'silence' })
    const { provider } = open(t, { port, tls: 'none' })
    const abort = new AbortController()
    const sending = send(provider, {}, abort.signal)
    await heard
    abort.abort()
    assert.deepEqual(await sending, { outcome, code: 'aborted' })
    assert.deepEqual(await send(provider, {}, abort.signal), { outcome: 'untried', code: 'aborted' })
  }
})

test('a refused recipient does not cost the connection', async (t) => {
  const { port, received, seen } = await startMailServer(t, {
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo: ({ address }, _, done) =>
      done(address.startsWith('no') ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null),
  })
  const { provider } = open(t, { port, tls: 'none', max_connections: 1 })
  assert.equal((await send(provider, { to: 'no@example.com' })).outcome, 'rejected')
  assert.equal((await send(provider, { to: 'yes@example.com' })).outcome, 'accepted')
  assert.deepEqual([received.length, seen.connections], [1, 1])
})

test('close waits for what is under way and takes no more', async (t) => {
  const { port, received } = await startScriptless(t)
  const { provider } = open(t, { port, tls: 'none' })
  const sending = send(provider)
  const closing = provider.close()
  assert.deepEqual(await send(provider), { outcome: 'untried', code: 'closing' })
  await closing
  assert.equal((await sending).outcome, 'accepted')
  assert.equal(received.length, 1)
})

test('an expired message is not sent', async (t) => {
  const { provider } = open(t, { port: 1, tls: 'none' })
  assert.deepEqual(await send(provider, { expiresAtMs: NOW }), {
    outcome: 'rejected',
    kind: 'content',
    code: 'expired',
  })
})

test('line breaks make no second recipient, command or header', async (t) => {
  const { port, received } = await startScriptless(t)
  const { provider } = open(t, { port, tls: 'none' })
  for (const to of [
    'a@example.com\r\nRCPT TO:<b@example.com>',
    'a@example.com, b@example.com',
    '<a@b.example>',
  ]) {
    assert.deepEqual(await send(provider, { to }), {
      outcome: 'rejected',
      kind: 'bad_number',
      code: 'address',
    })
  }
  const from = 'x@example.com>\r\nRCPT TO:<b@example.com'
  assert.deepEqual(await send(provider, { email: { ...email, from } }), {
    outcome: 'rejected',
    kind: 'config',
    code: 'from',
  })
  assert.equal(received.length, 0)

  const hostile = {
    subject: 'Hello\r\nBcc: b@example.com\r\n\r\nbody',
    html: '<p>\r\n.\r\nMAIL FROM:<b@example.com>\r\n</p>',
    fromName: 'Acme\r\nBcc: c@example.com',
  }
  const body = 'one\r\n.\r\nRCPT TO:<b@example.com>\r\n..two'
  assert.equal((await send(provider, { email: hostile, body })).outcome, 'accepted')
  const { to, raw } = only(received)
  assert.deepEqual(to, ['Ann@example.com'])
  const mail = await PostalMime.parse(raw)
  assert.deepEqual([mail.bcc, mail.cc], [undefined, undefined])
  assert.deepEqual(mail.text?.trim().split(/\r?\n/), body.split('\r\n'))
})

test('a server that repeats what it hears tells nobody', async (t) => {
  const plain = Buffer.from(`\0${auth.user}\0${auth.password}`).toString('base64')
  for (const script of [
    { EHLO: '250-mail.test\r\n250 AUTH PLAIN', AUTH: `535 no: ${auth.password} ${plain}` },
    { RCPT: `550 5.1.1 <Ann@example.com> ${message.code} ${auth.password}` },
    { end: `554 5.7.1 spam: ${message.body.replace(/\n+/g, ' ')} http://list.example/why` },
  ]) {
    const { port } = await startScripted(t, script)
    const { provider, logged } = open(t, { port, tls: 'none', auth })
    const shown = JSON.stringify([await send(provider), provider.health(), logged])
    for (const secret of [auth.password, plain, message.code, 'Ann@']) {
      assert.ok(!shown.includes(secret), shown)
    }
  }
})

test('a long reply is cut and its control characters are gone', async (t) => {
  const { port } = await startScripted(t, { RCPT: `550 5.1.1 \x1b[31m${'x'.repeat(1000)}` })
  const { provider } = open(t, { port, tls: 'none' })
  const result = await send(provider)
  assert.equal(result.outcome === 'rejected' && result.detail, `[31m${'x'.repeat(196)}`)
})

test('the DKIM signature is right', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const { port, received } = await startScriptless(t)
  const { provider } = open(t, { port, tls: 'none', dkim: { domain: 'acme.example', selector: 'otp', key } })
  assert.equal((await send(provider)).outcome, 'accepted')

  const [head, ...rest] = only(received).raw.toString('latin1').split('\r\n\r\n')
  const relax = (field: string) => {
    const [name, value] = [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)]
    return `${name.trim().toLowerCase()}:${value
      .replace(/\r\n/g, '')
      .replace(/[ \t]+/g, ' ')
      .trim()}`
  }
  const fields = (head as string).split(/\r\n(?![ \t])/).map(relax)
  const signature = fields.find((field) => field.startsWith('dkim-signature:')) as string
  const tags = Object.fromEntries(
    signature
      .slice(15)
      .split(';')
      .map((tag) => tag.trim().split(/=(.*)/s).slice(0, 2) as [string, string]),
  )
  assert.deepEqual([tags.a, tags.c, tags.d, tags.s], ['rsa-sha256', 'relaxed/relaxed', 'acme.example', 'otp'])
  const signedNames = (tags.h ?? '').split(':').map((name) => name.trim().toLowerCase())
  for (const name of ['from', 'to', 'subject', 'message-id']) assert.ok(signedNames.includes(name), name)

  const body = rest
    .join('\r\n\r\n')
    .replace(/[ \t]+\r\n/g, '\r\n')
    .replace(/[ \t]+/g, ' ')
    .replace(/(\r\n)*$/, '\r\n')
  assert.equal(tags.bh?.replaceAll(' ', ''), createHash('sha256').update(body, 'latin1').digest('base64'))
  const signed = signedNames.flatMap((name) => fields.find((field) => field.startsWith(`${name}:`)) ?? [])
  const unsigned = signature.replace(/([; ]b=)[^;]*/, '$1')
  const verifier = createVerify('sha256').update([...signed, unsigned].join('\r\n'), 'latin1')
  assert.ok(verifier.verify(publicKey, (tags.b ?? '').replaceAll(' ', ''), 'base64'))
})

test('a sender that is not one address, and a key or an authority that is none, are found at once', () => {
  const right = { host: 'mail.example', from: 'codes@acme.example' }
  const dkim = { domain: 'acme.example', selector: 'otp', key: 'not a key' }
  for (const [more, option] of [
    [{}, undefined],
    [{ from: 'a@acme.example, b@acme.example' }, 'from'],
    [{ reply_to: 'help' }, 'reply_to'],
    [{ tls_ca: 'not a certificate' }, 'tls_ca'],
    [{ dkim }, 'dkim.key'],
  ] as const) {
    const options = { ...right, ...more }
    assert.ok(validate(options))
    assert.equal(findFault(options)?.option, option)
  }
})

test('options: TLS is required unless said otherwise, and unknown keys are refused', () => {
  const options: Record<string, unknown> = { host: 'mail.example', from: 'codes@acme.example' }
  assert.ok(validate(options))
  assert.deepEqual([options.tls, options.port, options.max_connections], ['starttls', 587, 5])
  assert.ok(!validate({ ...options, require_tls: false }))
  assert.ok(!validate({ ...options, auth: { user: 'mailer' } }))
})
