import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { accepted, carrier, deliveryLab, makeQueue, unknown, until } from '../../test/support/carrier.ts'
import { freshNumber } from '../../test/support/server.ts'
import type { Receipt, SendResult } from './provider.ts'
import { recordReceipt } from './receipts.ts'

/** A carrier `texts` whose first message has the id `texts-1`; `say` is what it reports of it. */
async function lab(t: TestContext, answer?: () => SendResult | Promise<SendResult>) {
  const texts = carrier('texts', answer)
  const made = await deliveryLab({ sms: [texts] })
  t.after(() => made.server.close())
  const say = (state: Receipt['state'], code?: string, messageId = 'texts-1') =>
    recordReceipt(made.server.ctx, { providerId: 'texts', messageId, state, ...(code && { code }) })
  const to = freshNumber()
  const send = async (number = to) => {
    await made.server.start(number)
    await made.server.ctx.delivery.drained()
  }
  const told = async (number = to) => {
    const { status, errorCode, handovers } = await made.tell(number)
    return [status, errorCode, ...handovers]
  }
  return { ...made, to, say, send, told }
}

test('receipts only move an attempt forward, and delivered wins over undelivered', async (t) => {
  const { say, send, told } = await lab(t)
  await send()
  assert.deepEqual(await told(), ['sent', null, 'texts accepted'])
  await say('sent')
  assert.deepEqual(await told(), ['sent', null, 'texts sent'])
  await say('undelivered', '027')
  assert.deepEqual(await told(), ['undelivered', '30008', 'texts undelivered: 027'])
  await say('sent')
  assert.deepEqual(await told(), ['undelivered', '30008', 'texts undelivered: 027'])
  await say('delivered')
  const delivered = ['delivered', null, 'texts delivered']
  assert.deepEqual(await told(), delivered)
  for (const late of ['undelivered', 'failed', 'sent', 'delivered'] as const) await say(late, '027')
  assert.deepEqual(await told(), delivered)
})

test('receipts that come before the answer wait for it, the best of them', async (t) => {
  const lab1 = await lab(t)
  await lab1.say('sent')
  await lab1.say('delivered')
  await lab1.say('undelivered', '027')
  await lab1.say('sent')
  await lab1.send()
  assert.deepEqual(await lab1.told(), ['delivered', null, 'texts delivered'])
})

test('receipts of ids that nobody knows, and of another carrier, change nothing', async (t) => {
  const { server, say, send, told } = await lab(t)
  await send()
  await say('undelivered', '1', 'never-sent')
  await say('undelivered', '1', 'never-sent')
  await recordReceipt(server.ctx, { providerId: 'other', messageId: 'texts-1', state: 'failed' })
  assert.deepEqual(await told(), ['sent', null, 'texts accepted'])
})

test('50 receipts at once leave the attempt delivered', async (t) => {
  const { say, send, told } = await lab(t)
  await send()
  const states: Receipt['state'][] = ['undelivered', 'sent', 'delivered', 'failed', 'delivered']
  await Promise.all(Array.from({ length: 50 }, (_, i) => say(states[i % 5] as Receipt['state'])))
  assert.deepEqual(await told(), ['delivered', null, 'texts delivered'])
})

test('a carrier that counts from 1 again does not have the old receipts told of the new message', async (t) => {
  const { say, send, told } = await lab(t, () => accepted('texts-1'))
  const [first, second] = [freshNumber(), freshNumber()]
  await send(first)
  await say('delivered')
  await send(second)
  assert.deepEqual(await told(second), ['sent', null, 'texts accepted'])
  await say('undelivered')
  assert.equal((await told(second))[0], 'undelivered')
  assert.equal((await told(first))[0], 'delivered')
})

test('a late receipt saves an attempt that was given up', async (t) => {
  let asked = 0
  const { say, send, seconds, told } = await lab(t, () => (++asked === 1 ? accepted('texts-1') : unknown))
  await send()
  await say('failed', '8')
  await seconds(3)
  assert.deepEqual((await told()).slice(0, 2), ['failed', '30008'])
  await say('delivered')
  assert.deepEqual((await told()).slice(0, 2), ['delivered', null])
})

test('when two nodes sent one message, no state goes back and neither hand-over is lost', async (t) => {
  const { server, clock, to, say, told, carryByStalled } = await lab(t)
  const { ctx } = server
  const first = Promise.withResolvers<SendResult>()
  const second = Promise.withResolvers<SendResult>()
  const stalled = await carryByStalled({ sms: [carrier('texts', () => first.promise)] })
  await server.start(to)
  const retried = carrier('texts', () => second.promise)
  const awake = makeQueue(ctx, { sms: [retried] })
  await awake.start()
  await clock.advance('15s')
  await until(async () => {
    await clock.advance('10ms')
    return retried.sent.length === 1
  })
  first.resolve(accepted('texts-1'))
  await stalled.drained()
  await say('delivered')
  second.resolve(accepted('texts-2'))
  await awake.drained()
  assert.deepEqual(await told(), ['delivered', null, 'texts delivered', 'texts accepted'])
  await say('undelivered', '27', 'texts-2')
  assert.equal((await told())[0], 'delivered')
  const due = await ctx.storage.system.read.all`select sid from attempt where due_at is not null`
  assert.deepEqual(due, [])
  await awake.close()
})
