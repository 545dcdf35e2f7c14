import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  accepted,
  busy,
  carrier,
  deliveryLab,
  makeQueue,
  type Routes,
  rejected,
  unknown,
  until,
} from '../../test/support/carrier.ts'
import { type Form, freshNumber } from '../../test/support/server.ts'
import type { SendResult } from './provider.ts'

async function lab(t: TestContext, routes: Routes, env: NodeJS.ProcessEnv = {}) {
  const made = await deliveryLab(routes, env)
  t.after(() => made.server.close())
  return made
}

/** An answer that is given later. */
function later() {
  const { promise, resolve } = Promise.withResolvers<SendResult>()
  return { answer: () => promise, give: resolve }
}

const addresses = (count: number) => Array.from({ length: count }, (_, i) => `person-${i}@example.com`)

test('providers are tried in their order until one takes the message, each hand-over is a row', async (t) => {
  const refusing = [
    carrier('blocks', () => rejected('blocked')),
    carrier('censors', () => rejected('content')),
    carrier('throttles', () => busy()),
    carrier('loses', () => unknown),
    carrier('unpaid', () => rejected('funds')),
    carrier('breaks', () => Promise.reject(new TypeError('a bug'))),
  ]
  const takes = carrier('takes')
  const { server, tell } = await lab(t, { sms: [...refusing, takes, carrier('idle')] })
  const to = freshNumber()
  await server.start(to)
  await server.ctx.delivery.drained()
  const { sid, ...told } = await tell(to)
  assert.deepEqual(told, {
    status: 'sent',
    errorCode: null,
    handovers: [
      'blocks rejected: no-blocked',
      'censors rejected: no-content',
      'throttles busy: slow',
      'loses unknown: lost',
      'unpaid rejected: no-funds',
      'breaks unknown: internal',
      'takes accepted',
    ],
  })
  const [last] = takes.sent
  for (const { sent } of [...refusing, takes]) {
    assert.deepEqual([sent.length, sent[0]?.sid, sent[0]?.code], [1, sid, last?.code])
  }
  const code = last?.code ?? ''
  assert.match(last?.body ?? '', new RegExp(`${code}`))
  assert.equal((await server.check(to, code)).body.status, 'approved')
})

test('a number that is no good is settled at once; so is what everybody refuses for good', async (t) => {
  const second = carrier('second', () => rejected('content'))
  const first = carrier('first', ({ to }) => rejected(to.endsWith('1') ? 'bad_number' : 'blocked'))
  const { server, tell, seconds } = await lab(t, { sms: [first, second] })
  const [bad, blocked] = ['+14155550101', '+14155550102']
  await server.start(bad)
  await server.start(blocked)
  await seconds(60)
  const told = await Promise.all([bad, blocked].map(tell))
  assert.deepEqual(
    told.map(({ status, errorCode, handovers }) => [status, errorCode, handovers.length]),
    [
      ['failed', '30005', 1],
      ['failed', '30007', 2],
    ],
  )
})

test('a busy carrier is asked again ever later until the code expires', async (t) => {
  const atSeconds: number[] = []
  const slow = carrier('slow', () => {
    atSeconds.push((made.clock.now() - startedAtMs) / 1000)
    return busy()
  })
  const made = await lab(t, { sms: [slow] }, { COUNTERSIGN_CODE_TTL_SECONDS: '120' })
  const { server, clock, seconds, tell } = made
  server.ctx.random = { ...server.ctx.random, int: (max) => max / 2 } // jitter of 1
  const startedAtMs = clock.now()
  const to = freshNumber()
  await server.start(to)
  await seconds(125)
  assert.deepEqual(atSeconds, [0, 1, 3, 7, 15, 31, 61, 91, 105])
  assert.equal(new Set(slow.sent.map(({ body }) => body)).size, 1)
  const { status, errorCode, handovers } = await tell(to)
  assert.deepEqual([status, errorCode, handovers.length], ['failed', '30008', 9])
})

test('the back-off has jitter; a carrier may ask for more; what may have arrived is not soon repeated', async (t) => {
  const answers: Record<string, SendResult> = { patient: busy(20_000), unsure: unknown }
  const slow = carrier('slow', ({ to }) => answers[to.split('@')[0] ?? ''] ?? busy())
  const { server, clock } = await lab(t, { email: [slow] })
  for (const [to, int] of [
    ['soon@example.com', 0],
    ['late@example.com', 999],
    ['patient@example.com', 0],
    ['unsure@example.com', 0],
  ] as const) {
    server.ctx.random = { ...server.ctx.random, int: () => int }
    await server.start(to, { Channel: 'email' })
    await server.ctx.delivery.drained()
  }
  const due = await server.ctx.storage.system.read.all<{ recipient: string; due_at: number }>`
    select recipient, due_at from attempt`
  assert.deepEqual(
    new Map(due.map((row) => [row.recipient, row.due_at - clock.now()])),
    new Map([
      ['soon@example.com', 500],
      ['late@example.com', 1499],
      ['patient@example.com', 20_000],
      ['unsure@example.com', 30_000],
    ]),
  )
})

test('what a carrier took is written down when the database is back, and not sent again', async (t) => {
  const mail = carrier('mail')
  const { server, clock, seconds, tell } = await lab(t, { email: [mail] })
  const { system } = server.ctx.storage
  const isLogged = (message: string) => () => server.logged.some((line) => line.includes(message))
  await system.write((tx) => tx.run`alter table handover rename to away`)
  const to = 'ann@example.com'
  await server.start(to, { Channel: 'email' })
  await until(isLogged('send not recorded yet'))
  await clock.advance('2s')
  await system.write((tx) => tx.run`alter table away rename to handover`)
  await until(async () => {
    await clock.advance('100ms')
    return (await tell(to)).status === 'sent'
  })
  await seconds(20)
  assert.deepEqual([(await tell(to)).handovers, mail.sent.length], [['mail accepted'], 1])
})

test('a database that fails for longer than a lease, or under a sweep, loses nothing', async (t) => {
  const mail = carrier('mail')
  const { server, clock, tell } = await lab(t, { email: [mail] })
  const { system } = server.ctx.storage
  const errors = () => {
    const lines = server.logged.map((line) => JSON.parse(line))
    return new Set(lines.filter(({ level }) => level === 'error').map(({ message }) => message))
  }
  const pass = (condition: () => boolean | Promise<boolean>) =>
    until(async () => {
      await clock.advance('100ms')
      return condition()
    }, condition.toString())
  await system.write((tx) => tx.run`alter table handover rename to away`)
  const to = 'ann@example.com'
  await server.start(to, { Channel: 'email' })
  await pass(() => errors().has('send not recorded; it will be tried again'))
  await system.write((tx) => tx.run`alter table attempt rename to away_too`)
  await pass(() => errors().has('sweep failed; it will be tried again'))
  await system.write((tx) => tx.run`alter table away_too rename to attempt`)
  await system.write((tx) => tx.run`alter table away rename to handover`)
  await pass(async () => (await tell(to)).status === 'sent')
  assert.ok(mail.sent.length >= 2)
  assert.deepEqual([(await tell(to)).handovers.at(-1), errors().size], ['mail accepted', 2])
})

test('a carrier that never answers is given up, and slows no other channel', async (t) => {
  let wasAborted = false
  const hangs = carrier('hangs', (_message, signal) => {
    signal.addEventListener('abort', () => (wasAborted = true))
    return new Promise(() => {})
  })
  const mail = carrier('mail')
  const { server, clock, seconds, tell } = await lab(t, { sms: [hangs, carrier('spare')], email: [mail] })
  const to = freshNumber()
  await server.start(to)
  await server.start('ann@example.com', { Channel: 'email' })
  await until(() => mail.sent.length === 1)
  assert.equal((await tell(to)).status, 'queued')
  await clock.advance('10s')
  assert.equal(wasAborted, true)
  await clock.advance('2s')
  await seconds(1)
  const { status, handovers } = await tell(to)
  assert.deepEqual([status, handovers], ['sent', ['hangs unknown: timeout', 'spare accepted']])
})

test('beyond 256 under way and 1,000 waiting, messages are left to the sweeper; none is lost or doubled', async (t) => {
  const gate = later()
  const mail = carrier('mail', (message) => gate.answer().then(() => accepted(message.sid)))
  const { server, seconds } = await lab(t, { email: [mail] })
  const everybody = addresses(1400)
  await Promise.all(everybody.map((to) => server.start(to, { Channel: 'email' })))
  assert.equal(mail.sent.length, 256)
  gate.give(accepted('not used'))
  await server.ctx.delivery.drained()
  assert.equal(mail.sent.length, 1256)
  await seconds(17)
  const reached = mail.sent.map(({ to }) => to)
  assert.deepEqual([reached.length, new Set(reached).size], [1400, 1400])
  assert.equal(new Set(mail.sent.map(({ code, to }) => `${to} ${code}`)).size, 1400)
})

test('what has ended before it was sent is canceled and never sent', async (t) => {
  const first = carrier('first', () => busy())
  const { server, clock, carryBy, seconds, tell } = await lab(t, { email: [first] })
  const services = '/v2/Services'
  const other = (await server.post(services, { FriendlyName: 'Short-lived' })).body.sid
  const start = async (to: string, service = server.serviceSid) =>
    (await server.post(`${services}/${service}/Verifications`, { To: to, Channel: 'email' })).body.sid
  const end = (sid: string, Status: string) =>
    server.post(`${services}/${server.serviceSid}/Verifications/${sid}`, { Status })

  const canceled = await start('canceled@example.com')
  const approved = await start('approved@example.com')
  await start('deleted@example.com', other)
  await start('expired@example.com')
  await server.ctx.delivery.close()
  await end(canceled, 'canceled')
  await end(approved, 'approved')
  await server.del(`${services}/${other}`)
  const expiringAtMs = clock.now() + 600_000
  await clock.advance('9m')
  await start('wanted@example.com')
  await clock.advance('1m')
  assert.equal(clock.now(), expiringAtMs)
  const second = carrier('second')
  await carryBy({ email: [second] })
  await seconds(1)
  assert.deepEqual(
    second.sent.map(({ to }) => to),
    ['wanted@example.com'],
  )
  for (const why of ['canceled', 'approved', 'deleted', 'expired']) {
    assert.equal((await tell(`${why}@example.com`)).status, 'canceled', why)
  }
})

test('a message whose code was replaced is not sent any more: neither for another payment nor another custom code', async (t) => {
  let isDown = true
  const texts = carrier('texts', ({ sid }) => (isDown ? busy() : accepted(sid)))
  const { server, seconds } = await lab(t, { sms: [texts] })
  const service = `/v2/Services/${server.serviceSid}`
  const sentLater = async (to: string, first: Form, second: Form) => {
    isDown = true
    await server.start(to, first)
    await seconds(1)
    await server.start(to, second)
    const before = texts.sent.length
    isDown = false
    await seconds(40)
    const { attempts } = (await server.get(`/v2/Attempts?ChannelData.To=${encodeURIComponent(to)}`)).body
    assert.deepEqual(
      attempts.map(
        (attempt: { channel_data: { message_status: string } }) => attempt.channel_data.message_status,
      ),
      ['sent', 'canceled'],
    )
    const [only, ...others] = texts.sent.slice(before)
    assert.deepEqual(others, [])
    assert.ok(only)
    return only
  }

  await server.post(service, { CustomCodeEnabled: true })
  const custom = await sentLater(freshNumber(), { CustomCode: '111111' }, { CustomCode: '222222' })
  assert.equal(custom.code, '222222')

  await server.post(service, { CustomCodeEnabled: false, Psd2Enabled: true })
  const to = freshNumber()
  const larger = { Amount: '$9999', Payee: 'Mallory' }
  const { body, code = '' } = await sentLater(to, { Amount: '$10', Payee: 'Alice' }, larger)
  assert.match(body, /\$9999.*Mallory|Mallory.*\$9999/)
  assert.equal((await server.check(to, code, larger)).body.status, 'approved')
})

test('no more is taken up than providers have room for; what exceeds it goes to the next, or waits unharmed', async (t) => {
  const answers: (() => void)[] = []
  const narrow = carrier('narrow', async ({ sid }) => {
    await new Promise<void>((resolve) => answers.push(resolve))
    return accepted(sid)
  })
  narrow.capacity = () => 3 - answers.length
  const refuses = carrier('refuses', () => ({ outcome: 'untried', code: 'no_room' }))
  refuses.capacity = () => 1
  const { server, clock, tell } = await lab(t, { email: [narrow, refuses] })
  const everybody = addresses(20)
  await Promise.all(everybody.map((to) => server.start(to, { Channel: 'email' })))
  await until(() => refuses.sent.length > 0)
  let most = 0
  await until(async () => {
    await clock.advance('10ms')
    most = Math.max(most, answers.length)
    answers.shift()?.()
    const { read } = server.ctx.storage.system
    return (await read.all`select sid from attempt where status = 'sent'`).length === 20
  })
  assert.equal(most, 3)
  for (const to of everybody) {
    const { status, handovers } = await tell(to)
    assert.deepEqual([status, handovers], ['sent', ['narrow accepted']])
  }
})

test('while a carrier is left alone nothing is given up, as long as a code can still be used', async (t) => {
  let isDown = true
  const texts = carrier('texts', ({ sid }) => (isDown ? busy() : accepted(sid)))
  const { server, seconds, tell } = await lab(t, { sms: [texts] }, { COUNTERSIGN_CODE_TTL_SECONDS: '120' })
  for (let minute = 0; minute < 4; minute++) {
    await Promise.all(Array.from({ length: 20 }, () => server.start(freshNumber())))
    await seconds(60)
  }
  const to = freshNumber()
  await server.start(to)
  await seconds(80)
  assert.equal((await tell(to)).status, 'queued')
  isDown = false
  await seconds(32)
  assert.equal((await tell(to)).status, 'sent')
})

test('another node that deletes the service is heeded', async (t) => {
  const slow = carrier('slow', () => busy())
  const { server, seconds } = await lab(t, { sms: [slow] })
  await server.start(freshNumber())
  await server.ctx.delivery.drained()
  const { ctx } = server
  await ctx.storage.system.write(
    (tx) => tx.run`update service set deleted_at = 1 where sid = ${server.serviceSid}`,
  )
  await seconds(5)
  assert.equal(slow.sent.length, 1)
})

test('what a dead node held is sent by another: at once on SQLite, else when the lease ends', async (t) => {
  const { server, carryBy, carryByStalled, seconds, tell } = await lab(t, {})
  await carryByStalled({ sms: [carrier('dead', () => new Promise(() => {}))] })
  const to = freshNumber()
  await server.start(to)
  const alive = carrier('alive')
  await carryBy({ sms: [alive] })
  await seconds(1)
  assert.equal(alive.sent.length, server.ctx.storage.engine === 'sqlite' ? 1 : 0)
  await seconds(15)
  assert.equal(alive.sent.length, 1)
  assert.equal((await server.check(to, alive.sent[0]?.code ?? '')).body.status, 'approved')
  assert.deepEqual((await tell(to)).handovers, ['alive accepted'])
})

test('of two nodes that want a row one has it', async (t) => {
  const { server, clock, carryByStalled, seconds } = await lab(t, {})
  const { ctx } = server
  await (await carryByStalled({ email: [carrier('never')] })).close() // it dies right after the commits
  await Promise.all(addresses(100).map((to) => server.start(to, { Channel: 'email' })))
  await clock.advance('15s')
  const [one, two] = [carrier('one'), carrier('two')]
  const nodes = [makeQueue(ctx, { email: [one] }), makeQueue(ctx, { email: [two] })]
  await Promise.all(nodes.map((node) => node.start()))
  await seconds(1)
  await Promise.all(nodes.map((node) => node.drained()))
  await Promise.all(nodes.map((node) => node.close()))
  const reached = [...one.sent, ...two.sent].map(({ to }) => to)
  assert.deepEqual([reached.length, new Set(reached).size], [100, 100])
})

test('a node that stood still too long changes nothing of what another made of the message', async (t) => {
  const { server, carryBy, carryByStalled, seconds, tell } = await lab(t, {})
  const answer = later()
  const stalled = await carryByStalled({ sms: [carrier('slow', answer.answer), carrier('next')] })
  const to = freshNumber()
  await server.start(to)
  await carryBy({ sms: [carrier('awake')] })
  await seconds(16)
  answer.give(rejected('bad_number'))
  await stalled.drained()
  const { status, errorCode, handovers } = await tell(to)
  assert.deepEqual([status, errorCode, handovers[0]], ['sent', null, 'awake accepted'])
})

test('the log names neither code nor whole recipient', async (t) => {
  const texts = carrier('texts', () => busy())
  const { server, seconds } = await lab(t, { sms: [texts], email: [carrier('mail')] })
  const to = freshNumber()
  await server.start(to)
  await server.start('somebody@example.com', { Channel: 'email' })
  await seconds(3)
  const sends = server.logged.map((line) => JSON.parse(line)).filter(({ message }) => message === 'send')
  assert.deepEqual(
    sends.map((line) => [line.provider, line.to, line.outcome]),
    [
      ['texts', `${to.slice(0, 5)}•••${to.slice(-4)}`, 'busy'],
      ['mail', 's•••@example.com', 'accepted'],
      ...sends.slice(2).map(() => ['texts', `${to.slice(0, 5)}•••${to.slice(-4)}`, 'busy']),
    ],
  )
  assert.ok(sends.length > 2)
  const all = server.logged.join('\n')
  for (const secret of [to, 'somebody@', texts.sent[0]?.code ?? '']) assert.ok(!all.includes(secret))
})
