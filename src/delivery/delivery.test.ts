import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import PostalMime from 'postal-mime'
import { createServer as createSmsc, type Pdu, type Session } from 'smpp'
import { SMTPServer } from 'smtp-server'
import { until } from '../../test/support/carrier.ts'
import { type FakeClock, fakeClock } from '../../test/support/clock.ts'
import { makeTemporaryDirectory } from '../../test/support/engines.ts'
import {
  basic,
  freshNumber,
  makeDatabase,
  type Reply,
  type TestServer,
  testServer,
} from '../../test/support/server.ts'
import { loadConfig } from '../config.ts'
import { startServer } from '../server.ts'

const smpp = (port: number, sms = '[carrier]', more = '') => `
providers:
  carrier: { kind: smpp, host: 127.0.0.1, port: ${port}, system_id: acme, password: secret, source: { addr: Acme }${more} }
channels:
  sms: ${sms}
`
const smtp = (port: number) => `
providers:
  mail: { kind: smtp, host: 127.0.0.1, port: ${port}, tls: none, from: codes@acme.test }
channels:
  email: [mail]
`

/** A port that nobody listens on, yet. */
async function findFreePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** npm `smpp`: takes every message, numbers them `m1`, `m2` …; `receipt` may say what it reports of one. */
async function startSmsc(
  t: TestContext,
  port: number,
  receipt: (to: string) => string | undefined = () => undefined,
) {
  const texts: { to: string; code: string }[] = []
  const sessions: Session[] = []
  const server: Server = createSmsc({}, (session) => {
    sessions.push(session)
    session.on('error', () => {})
    session.on('pdu', (pdu: Pdu) => {
      if (/^(bind_|unbind$|enquire_link$)/.test(pdu.command)) session.send(pdu.response())
      if (pdu.command !== 'submit_sm') return
      const { destination_addr: to, short_message } = pdu
      const text = String(typeof short_message === 'string' ? short_message : short_message.message)
      texts.push({ to: `+${to}`, code: /\d{6}/.exec(text)?.[0] ?? '' })
      session.send(pdu.response({ message_id: `m${texts.length}` }))
      const state = receipt(`+${to}`)
      if (state)
        session.deliver_sm({ esm_class: 4, short_message: `id:m${texts.length} stat:${state} err:027` })
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return { texts, sessions }
}

async function startMailServer(t: TestContext, port: number) {
  const mails: { to: string; code: string }[] = []
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        const { text } = await PostalMime.parse(Buffer.concat(chunks))
        const [to] = session.envelope.rcptTo
        mails.push({ to: to?.address ?? '', code: /\d{6}/.exec(text ?? '')?.[0] ?? '' })
        done()
      })
    },
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return { mails }
}

async function serve(t: TestContext, file: string): Promise<{ server: TestServer; clock: FakeClock }> {
  const clock = fakeClock()
  const server = await testServer({ clock, file })
  t.after(() => server.close())
  return { server, clock }
}

/** Lets time pass, slowly enough for the network, until the condition holds. */
const passUntil = (clock: FakeClock, condition: () => boolean | Promise<boolean>) =>
  until(async () => {
    await clock.advance('1ms')
    return condition()
  }, condition.toString())

/** The newest send to a recipient. */
async function tell({ get }: { get(path: string): Promise<{ body: Reply['body'] }> }, to: string) {
  const { body } = await get(`/v2/Attempts?ChannelData.To=${encodeURIComponent(to)}`)
  const [attempt] = body.attempts
  const { handovers } = (await get(`/delivery/attempts/${attempt.sid}`)).body
  return {
    message_status: attempt.channel_data.message_status,
    error_code: attempt.channel_data.error_code,
    handovers: handovers.map((h: Record<string, string | null>) => [
      h.provider,
      h.outcome,
      h.code,
      h.message_id,
    ]),
  }
}

test('a code goes out by SMPP, its receipt is told of the attempt, and it is checked', async (t) => {
  const port = await findFreePort()
  const smsc = await startSmsc(t, port, (to) => (to.endsWith('1') ? 'UNDELIV' : 'DELIVRD'))
  const { server, clock } = await serve(t, smpp(port))
  for (const [to, expected] of [
    ['+14155551230', ['delivered', null, ['carrier', 'delivered', null, 'm1']]],
    ['+14155551231', ['undelivered', '30008', ['carrier', 'undelivered', '027', 'm2']]],
  ] as const) {
    assert.equal((await server.start(to)).status, 201)
    await passUntil(clock, async () => (await tell(server, to)).message_status.endsWith('delivered'))
    const { message_status, error_code, handovers } = await tell(server, to)
    assert.deepEqual([message_status, error_code, ...handovers], expected)
    const sent = smsc.texts.find((text) => text.to === to)
    assert.equal((await server.check(to, sent?.code ?? '')).body.status, 'approved')
  }
  assert.equal(smsc.texts.length, 2)
})

test('a code goes out by e-mail and is checked', async (t) => {
  const port = await findFreePort()
  const { mails } = await startMailServer(t, port)
  const { server } = await serve(t, smtp(port))
  assert.equal((await server.start('Ann.Smith@example.com', { Channel: 'email' })).status, 201)
  await server.ctx.delivery.drained()
  assert.deepEqual(
    mails.map(({ to }) => to),
    ['Ann.Smith@example.com'],
  )
  assert.equal((await tell(server, 'ann.smith@example.com')).message_status, 'sent')
  const keys = await server.ctx.storage.system.read.all`select message_id from receipt_key`
  assert.deepEqual(keys, [], 'no receipt will ever come')
  const approved = await server.check('ann.smith@example.com', mails[0]?.code ?? '')
  assert.equal(approved.body.status, 'approved')
})

test('a carrier that is down when the server starts gets the messages when it comes', async (t) => {
  const port = await findFreePort()
  const { server, clock } = await serve(t, smpp(port))
  const to = freshNumber()
  assert.equal((await server.start(to)).status, 201)
  await passUntil(clock, async () => (await tell(server, to)).handovers.length === 1)
  assert.deepEqual(await tell(server, to), {
    message_status: 'queued',
    error_code: null,
    handovers: [['carrier', 'busy', 'not_connected', null]],
  })
  const smsc = await startSmsc(t, port)
  await passUntil(clock, () => smsc.texts.length > 0)
  await server.ctx.delivery.drained()
  assert.equal((await tell(server, to)).message_status, 'sent')
  assert.equal((await server.check(to, smsc.texts[0]?.code ?? '')).body.status, 'approved')
  assert.equal(smsc.texts.length, 1)
})

test('a carrier that takes five a second gets five a second, and each message once', async (t) => {
  const port = await findFreePort()
  const smsc = await startSmsc(t, port)
  const { server, clock } = await serve(t, smpp(port, '[carrier]', ', throughput_per_s: 5'))
  await passUntil(clock, () => server.ctx.providers.get('carrier')?.health().state === 'up')
  const startedAtMs = clock.now()
  await Promise.all(Array.from({ length: 150 }, () => server.start(freshNumber())))
  const bySecond: number[] = []
  await until(async () => {
    await clock.advance('5ms')
    const second = Math.floor((clock.now() - startedAtMs) / 1000)
    bySecond[second] = smsc.texts.length
    return smsc.texts.length === 150
  })
  await server.ctx.delivery.drained()
  const most = Math.max(...bySecond.map((count, second) => count - (bySecond[second - 1] ?? 0)))
  assert.ok(most <= 6, `${most} in one second`)
  // 30 s at best. The network takes a moment of its own, while this clock goes on.
  assert.ok(bySecond.length < 45, `${bySecond.length} seconds`)
  const outcomes = await server.ctx.storage.system.read.all`
    select outcome, count(*) as n from handover group by outcome`
  assert.deepEqual(
    outcomes.map((row) => ({ ...(row as object) })),
    [{ outcome: 'accepted', n: 150 }],
  )
})

test('so does a mail server', async (t) => {
  const port = await findFreePort()
  const { server, clock } = await serve(t, smtp(port))
  const to = 'bob@example.com'
  await server.start(to, { Channel: 'email' })
  await server.ctx.delivery.drained()
  const told = await tell(server, to)
  assert.deepEqual([told.message_status, told.handovers[0].slice(0, 2)], ['queued', ['mail', 'busy']])
  const { mails } = await startMailServer(t, port)
  for (let seconds = 0; seconds < 3; seconds++) {
    await clock.advance('1s')
    await server.ctx.delivery.drained()
  }
  assert.equal((await server.check(to, mails[0]?.code ?? '')).body.status, 'approved')
})

test('while the carrier is down the next provider takes its messages', async (t) => {
  const { server, clock } = await serve(t, smpp(await findFreePort(), '[carrier, inbox]'))
  const to = freshNumber()
  await server.start(to)
  await passUntil(clock, async () => (await tell(server, to)).message_status === 'delivered')
  const { handovers } = await tell(server, to)
  assert.deepEqual(
    handovers.map(([provider, outcome]: string[]) => [provider, outcome]),
    [
      ['carrier', 'busy'],
      ['inbox', 'delivered'],
    ],
  )
  assert.equal((await server.check(to, await server.lastCode(to))).body.status, 'approved')
})

test('a receipt that comes after a restart finds its attempt', async (t) => {
  const port = await findFreePort()
  const smsc = await startSmsc(t, port)
  const database = await makeDatabase()
  t.after(database.drop)
  const directory = makeTemporaryDirectory()
  const env = { PORT: '0', COUNTERSIGN_DATA_DIR: directory, COUNTERSIGN_LOG_LEVEL: 'silent', ...database.env }
  const config = await loadConfig({ ...env, COUNTERSIGN_CONFIG: 'c.yaml' }, directory, async () => smpp(port))
  const start = async () => {
    const server = await startServer(config)
    const authorization = basic(server.accountSid, server.authToken)
    const call = async (path: string, body?: URLSearchParams) => {
      const reply = await fetch(server.url + path, {
        headers: { authorization },
        ...(body && { method: 'POST', body }),
      })
      return { body: await reply.json() }
    }
    return {
      server,
      call,
      status: async () => (await tell({ get: (path) => call(path) }, to)).message_status,
    }
  }
  const to = freshNumber()
  const first = await start()
  const path = `/v2/Services/${first.server.serviceSid}/Verifications`
  await first.call(path, new URLSearchParams({ To: to, Channel: 'sms' }))
  await until(async () => (await first.status()) === 'sent')
  await first.server.close()
  const second = await start()
  t.after(() => second.server.close())
  assert.equal(await second.status(), 'sent')
  await until(() => smsc.sessions.length === 2)
  smsc.sessions[1]?.deliver_sm({ esm_class: 4, short_message: 'id:m1 stat:DELIVRD err:000' })
  await until(async () => (await second.status()) === 'delivered')
  assert.equal(smsc.texts.length, 1)
})
