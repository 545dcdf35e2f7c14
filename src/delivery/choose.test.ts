import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, busy, carrier, deliveryLab, rejected, unknown } from '../../test/support/carrier.ts'
import { fakeClock } from '../../test/support/clock.ts'
import { freshNumber } from '../../test/support/server.ts'
import { Circuit } from './choose.ts'
import type { SendResult } from './provider.ts'

function makeCircuit() {
  const clock = fakeClock()
  const circuit = new Circuit(clock)
  const call = (result: SendResult, times = 1) => {
    for (let i = 0; i < times; i++) circuit.begin()(result)
  }
  return { clock, circuit, call }
}
const ok = accepted('1')

test('a circuit opens at 20 calls a minute of which half failed', async () => {
  const { clock, circuit, call } = makeCircuit()
  call(ok, 10)
  call(busy(), 9)
  assert.equal(circuit.waitMs, 0)
  call(unknown)
  assert.equal(circuit.waitMs, 15_000)
  await clock.advance('14.999s')
  assert.equal(circuit.waitMs, 1)
  const fewer = makeCircuit()
  fewer.call(ok, 11)
  fewer.call(busy(), 10)
  assert.equal(fewer.circuit.waitMs, 0)
})

test('calls of another minute do not count', async () => {
  const { clock, circuit, call } = makeCircuit()
  call(busy(), 19)
  await clock.advance('61s')
  call(busy(), 19)
  assert.equal(circuit.waitMs, 0)
})

test('it opens at five refusals of our configuration in a row, never for what is wrong with a recipient', () => {
  const { circuit, call } = makeCircuit()
  for (const kind of ['bad_number', 'blocked', 'content'] as const) call(rejected(kind), 100)
  call(rejected('config'), 4)
  call(ok)
  call(rejected('config'), 2)
  call(rejected('funds'), 2)
  assert.equal(circuit.waitMs, 0)
  call(rejected('config'))
  assert.equal(circuit.waitMs, 15_000)
})

test('a carrier that asks for patience is well; what it was not asked says nothing of it', async () => {
  const { clock, circuit, call } = makeCircuit()
  const untried: SendResult = { outcome: 'untried', code: 'no_room' }
  call(busy(1_000), 100)
  call(untried, 100)
  assert.equal(circuit.waitMs, 0)
  call(unknown, 100)
  assert.equal(circuit.room, 0)
  await clock.advance(`${circuit.waitMs}ms`)
  call(untried, 100)
  assert.equal(circuit.room, 3)
  call(busy(1_000))
  assert.equal(circuit.room, Number.POSITIVE_INFINITY)
})

test('half-open it lets three calls try: one success closes it, one failure doubles the wait, up to half a minute', async () => {
  const { clock, circuit, call } = makeCircuit()
  call(unknown, 20)
  const waits: number[] = []
  for (let i = 0; i < 6; i++) {
    waits.push(circuit.waitMs)
    await clock.advance(`${circuit.waitMs}ms`)
    assert.equal(circuit.waitMs, 0)
    const trials = [circuit.begin(), circuit.begin(), circuit.begin()]
    assert.equal(circuit.waitMs, 1_000)
    for (const report of trials) report(unknown)
  }
  assert.deepEqual(waits, [15_000, 30_000, 30_000, 30_000, 30_000, 30_000])
  await clock.advance('30s')
  call(ok)
  assert.equal(circuit.waitMs, 0)
  call(busy(), 19)
  assert.equal(circuit.waitMs, 0)
})

test('calls that were under way when it opened neither close it nor open it further', async () => {
  const { circuit } = makeCircuit()
  const calls = Array.from({ length: 100 }, () => circuit.begin())
  for (const report of calls) report(unknown)
  assert.equal(circuit.waitMs, 15_000)
  const { clock, circuit: other } = makeCircuit()
  const late = other.begin()
  for (let i = 0; i < 20; i++) other.begin()(unknown)
  late(ok)
  assert.equal(other.waitMs, 15_000)
  await clock.advance('15s')
  assert.equal(other.waitMs, 0)
})

test('a dead carrier starves no other channel, is left alone, and gets what waited when it is back', async (t) => {
  let isDead = true
  const texts = carrier('texts', ({ sid }) => (isDead ? busy() : accepted(sid)))
  const mail = carrier('mail', ({ sid }) => (mail.sent.length === 1 ? busy() : accepted(sid)))
  const { server, seconds, tell } = await deliveryLab({ sms: [texts], email: [mail] })
  t.after(() => server.close())
  const numbers = Array.from({ length: 300 }, freshNumber)
  await Promise.all(numbers.map((to) => server.start(to)))
  await server.start('ann@example.com', { Channel: 'email' })
  await seconds(14)
  const askedWhileDead = texts.sent.length
  assert.ok(askedWhileDead < 600, `asked ${askedWhileDead} times`)
  assert.equal((await tell('ann@example.com')).status, 'sent')
  isDead = false
  await seconds(10)
  assert.equal(new Set(texts.sent.slice(askedWhileDead).map(({ to }) => to)).size, 300)
  for (const to of numbers) assert.equal((await tell(to)).status, 'sent')
})

test('of what waits for a carrier only as many are taken as may try it', async (t) => {
  const texts = carrier('texts', () => unknown)
  const { server, clock, seconds } = await deliveryLab({ sms: [texts] })
  t.after(() => server.close())
  await Promise.all(Array.from({ length: 200 }, () => server.start(freshNumber())))
  await server.ctx.delivery.drained()
  const { system } = server.ctx.storage
  // All are due: the circuit alone says how many are asked for.
  await system.write((tx) => tx.run`update attempt set due_at = ${clock.now()}`)
  const asked = texts.sent.length
  await seconds(15)
  // The first that fails stops those that are not sent yet.
  const trials = texts.sent.length - asked
  assert.ok(trials >= 1 && trials <= 3, `${trials} trials`)
  const untouched = await system.read.all`select sid from attempt where due_at <= ${clock.now() - 15_000}`
  assert.equal(untouched.length, 197)
})
