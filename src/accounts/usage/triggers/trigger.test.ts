import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { addAccount } from '../../../../test/support/account.ts'
import { type FakeClock, fakeClock } from '../../../../test/support/clock.ts'
import { makeTemporaryDirectory } from '../../../../test/support/engines.ts'
import { type Receiver, startReceiver } from '../../../../test/support/receiver.ts'
import { freshNumber, type TestServer, testServer } from '../../../../test/support/server.ts'
import { runUsage, startBackground } from '../../../operations/background.ts'
import { setAccountStatus } from '../../administer.ts'
import { evaluateTriggers } from './evaluate.ts'
import { listArmed } from './store.ts'
import { periodOf } from './trigger.ts'

const file = join(makeTemporaryDirectory(), 'rates.csv')
writeFileSync(file, 'channel,prefix,price,currency\nsms,+1,0.05,usd\ncall,+1,0.1,usd\n')

describe('usage triggers', () => {
  let server: TestServer
  let receiver: Receiver
  let clock: FakeClock
  let client: twilio.Twilio
  before(async () => {
    clock = fakeClock(Date.parse('2026-11-20T23:50:00Z'))
    server = await testServer({ clock, env: { COUNTERSIGN_RATES: file } })
    server.ctx.webhooks.start()
    client = twilio(server.accountSid, server.authToken)
    client.api.baseUrl = await server.listen()
    receiver = await startReceiver()
  })
  after(async () => {
    await server.close()
    await receiver.close()
  })

  const triggers = () => client.api.v2010.accounts(server.accountSid).usage.triggers
  const create = (
    given: { triggerValue: string } & Partial<Parameters<ReturnType<typeof triggers>['create']>[0]>,
  ) => triggers().create({ callbackUrl: `${receiver.url}/hook`, usageCategory: 'sms', ...given })
  const removeAll = async () => {
    for (const { sid } of await triggers().list()) await triggers()(sid).remove()
  }
  const send = async (count: number, channel = 'sms') => {
    for (let n = 0; n < count; n++) await server.start(freshNumber(), { Channel: channel })
    await server.ctx.delivery.drained()
  }
  /** Evaluates, and gives the forms that arrived since. */
  const fired = async () => {
    receiver.received.length = 0
    await runUsage(server.ctx)
    // A sweep that is under way has to end before the next can be due.
    await server.ctx.webhooks.drained()
    await clock.advance('1s')
    await server.ctx.webhooks.drained()
    return receiver.received.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
  }
  const sidsFired = async () => (await fired()).map(({ UsageTriggerSid }) => UsageTriggerSid)

  test('is created, fetched, changed and deleted, and each change is an event', async () => {
    const made = await create({
      triggerValue: '50',
      triggerBy: 'price',
      recurring: 'yearly',
      friendlyName: 'Budget',
    })
    assert.match(made.sid, /^UT[0-9a-f]{32}$/)
    const path = `/2010-04-01/Accounts/${server.accountSid}`
    const { body } = await server.get(`${path}/Usage/Triggers/${made.sid}.json`)
    assert.deepEqual(body, {
      account_sid: server.accountSid,
      api_version: '2010-04-01',
      callback_method: 'POST',
      callback_url: `${receiver.url}/hook`,
      current_value: '0',
      date_created: 'Fri, 20 Nov 2026 23:50:00 +0000',
      date_fired: null,
      date_updated: 'Fri, 20 Nov 2026 23:50:00 +0000',
      friendly_name: 'Budget',
      recurring: 'yearly',
      sid: made.sid,
      trigger_by: 'price',
      trigger_value: '50',
      uri: `${path}/Usage/Triggers/${made.sid}.json`,
      usage_category: 'sms',
      usage_record_uri: `${path}/Usage/Records.json?Category=sms`,
    })
    const changed = await triggers()(made.sid).update({
      callbackMethod: 'GET',
      callbackUrl: `${receiver.url}/secret-path`,
      friendlyName: 'Limit',
    })
    assert.deepEqual(
      [changed.callbackMethod, changed.callbackUrl, changed.friendlyName, changed.triggerValue],
      ['GET', `${receiver.url}/secret-path`, 'Limit', '50'],
    )
    assert.equal(await triggers()(made.sid).remove(), true)
    await assert.rejects(triggers()(made.sid).fetch(), { status: 404, code: 20404 })
    await assert.rejects(triggers()(made.sid).remove(), { status: 404, code: 20404 })
    await assert.rejects(triggers()(made.sid).update({}), { status: 404, code: 20404 })
    const events = (await server.get(`/v1/Events?ResourceSid=${made.sid}`)).body.events
    assert.deepEqual(events.map((event: { event_type: string }) => event.event_type).sort(), [
      'usage-trigger.created',
      'usage-trigger.deleted',
      'usage-trigger.updated',
    ])
    const { event_data: told } = events.find((event: { event_type: string }) =>
      /created/.test(event.event_type),
    )
    assert.deepEqual([told.trigger_by, told.trigger_value, told.recurring], ['price', 50, 'yearly'])
    assert.doesNotMatch(JSON.stringify(events), /secret-path/)
  })

  test('lists by what it watches', async () => {
    const daily = await create({ triggerValue: '100', recurring: 'daily', triggerBy: 'count' })
    await clock.advance('1ms')
    const calls = await create({ triggerValue: '100', usageCategory: 'calls' })
    const list = async (filters: object) => (await triggers().list(filters)).map(({ sid }) => sid)
    assert.deepEqual(await list({}), [calls.sid, daily.sid])
    assert.deepEqual(await list({ recurring: 'daily' }), [daily.sid])
    assert.deepEqual(await list({ recurring: 'alltime' }), [calls.sid])
    assert.deepEqual(await list({ triggerBy: 'count' }), [daily.sid])
    assert.deepEqual(await list({ usageCategory: 'calls' }), [calls.sid])
    assert.deepEqual(await list({ usageCategory: 'sms', triggerBy: 'price' }), [])
    for (const { sid } of [daily, calls]) await triggers()(sid).remove()
  })

  for (const [given, parameter] of [
    [{ usageCategory: 'turnmegabytes' }, 'UsageCategory'],
    [{ usageCategory: 'totalprice', triggerBy: 'count' }, 'UsageCategory'],
    [{ triggerValue: '0' }, 'TriggerValue'],
    [{ triggerValue: '-1' }, 'TriggerValue'],
    [{ triggerValue: 'much' }, 'TriggerValue'],
    [{ triggerValue: '1.5' }, 'TriggerValue'],
    [{ triggerBy: 'weight' }, 'TriggerBy'],
    [{ recurring: 'hourly' }, 'Recurring'],
    [{ callbackMethod: 'PUT' }, 'CallbackMethod'],
    [{ friendlyName: 'x'.repeat(65) }, 'FriendlyName'],
    [{ callbackUrl: 'http://10.0.0.1/hook' }, 'CallbackUrl'],
    [{ callbackUrl: 'http://169.254.169.254/latest' }, 'CallbackUrl'],
    [{ callbackUrl: 'not an address' }, 'CallbackUrl'],
  ] as const) {
    test(`is refused with ${JSON.stringify(given).slice(0, 60)}`, () =>
      assert.rejects(create({ triggerValue: '1', ...given } as never), {
        status: 400,
        code: 60200,
        message: `Invalid parameter: ${parameter}`,
      }))
  }

  test('fires once when its value is reached, with a signed callback', async () => {
    const trigger = await create({ triggerValue: '+3' })
    assert.equal(trigger.triggerValue, '3')
    await send(2)
    assert.deepEqual(await fired(), [])
    await send(1)
    const dateFired = new Date(clock.now()).toUTCString().replace('GMT', '+0000')
    const [form] = await fired()
    assert.deepEqual(form, {
      AccountSid: server.accountSid,
      UsageTriggerSid: trigger.sid,
      DateFired: dateFired,
      Recurring: 'alltime',
      UsageCategory: 'sms',
      TriggerBy: 'usage',
      TriggerValue: '3',
      CurrentValue: '3',
      UsageRecordUri: `/2010-04-01/Accounts/${server.accountSid}/Usage/Records.json?Category=sms`,
      IdempotencyToken: `${trigger.sid}-FIRES-alltime`,
    })
    const signature = String(receiver.received[0]?.headers['x-twilio-signature'])
    assert.ok(twilio.validateRequest(server.authToken, signature, `${receiver.url}/hook`, form ?? {}))
    await send(3)
    assert.deepEqual(await fired(), [])
    const fetched = await triggers()(trigger.sid).fetch()
    assert.equal(fetched.currentValue, '6')
    assert.equal(fetched.dateFired?.toUTCString().replace('GMT', '+0000'), dateFired)
    await triggers()(trigger.sid).remove()
  })

  test('money counts as well, of one category and of all', async () => {
    const sms = await create({ triggerValue: '+0.1', triggerBy: 'price' })
    const all = await create({ triggerValue: '+0.15', usageCategory: 'totalprice' })
    await send(1)
    assert.deepEqual(await fired(), [])
    await send(1, 'call')
    assert.deepEqual(await sidsFired(), [all.sid])
    await send(1)
    assert.deepEqual(await sidsFired(), [sms.sid])
    for (const { sid } of [sms, all]) await triggers()(sid).remove()
  })

  test('a daily one fires each day, also for what was used just before midnight', async () => {
    const trigger = await create({ triggerValue: '+2', recurring: 'daily', triggerBy: 'count' })
    await clock.advance(`${Date.parse('2026-11-20T23:59:58Z') - clock.now()}ms`)
    await send(2)
    await clock.advance('5s')
    assert.equal((await triggers()(trigger.sid).fetch()).currentValue, '0')
    const [form] = await fired()
    assert.deepEqual(
      [form?.CurrentValue, form?.IdempotencyToken],
      [trigger.triggerValue, `${trigger.sid}-FIRES-2026-11-20`],
    )
    assert.deepEqual(await fired(), [], 'that day it has fired')
    const value = Number(trigger.triggerValue)
    await send(value - 1)
    assert.deepEqual(await fired(), [])
    await send(1)
    assert.equal((await fired())[0]?.IdempotencyToken, `${trigger.sid}-FIRES-2026-11-21`)
    await send(1)
    assert.deepEqual(await fired(), [])
    // For a node whose clock is behind it is still the day before.
    await evaluateTriggers({ ...server.ctx, clock: { ...clock, now: () => clock.now() - 60_000 } })
    assert.deepEqual(await fired(), [])
    await triggers()(trigger.sid).remove()
  })

  test('what a subaccount uses counts for the account above it, and for nobody beside', async () => {
    const { body: sub } = await server.post('/2010-04-01/Accounts.json', { FriendlyName: 'Sub' })
    const authorization = `Basic ${Buffer.from(`${sub.sid}:${sub.auth_token}`).toString('base64')}`
    const { body: service } = await server.post('/v2/Services', { FriendlyName: 'Theirs' }, authorization)
    const above = await create({ triggerValue: '+1' })
    const own = (
      await server.post(
        `/2010-04-01/Accounts/${sub.sid}/Usage/Triggers.json`,
        { CallbackUrl: receiver.url, TriggerValue: '2', UsageCategory: 'sms' },
        authorization,
      )
    ).body
    const start = () =>
      server.post(
        `/v2/Services/${service.sid}/Verifications`,
        { To: freshNumber(), Channel: 'sms' },
        authorization,
      )
    await start()
    await server.ctx.delivery.drained()
    assert.deepEqual(await sidsFired(), [above.sid])
    await start()
    await server.ctx.delivery.drained()
    const [form] = await fired()
    assert.equal(form?.UsageTriggerSid, own.sid)
    const signature = String(receiver.received[0]?.headers['x-twilio-signature'])
    assert.ok(twilio.validateRequest(sub.auth_token, signature, `${receiver.url}/`, form ?? {}))
    await removeAll()
  })

  test('an account has at most a hundred; a suspended one fires none', async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    const path = `/2010-04-01/Accounts/${sid}/Usage/Triggers.json`
    const add = () =>
      server.post(path, { CallbackUrl: receiver.url, UsageCategory: 'sms', TriggerValue: '1' }, authorization)
    for (let n = 0; n < 100; n++) assert.equal((await add()).status, 201)
    const { status, body } = await add()
    assert.deepEqual([status, body.code], [400, 20001])
    const { read } = server.ctx.storage.system
    const armed = async () => (await listArmed(read)).filter(({ accountSid }) => accountSid === sid).length
    assert.equal(await armed(), 100)
    await setAccountStatus(server.ctx, { account: sid, status: 'suspended' })
    assert.equal(await armed(), 0)
  })

  test('many nodes that see it at once fire once', async () => {
    await create({ triggerValue: '+1' })
    await send(2)
    await Promise.all([1, 2, 3, 4, 5].map(() => evaluateTriggers(server.ctx)))
    assert.equal((await fired()).length, 1)
  })

  test('the server itself looks often enough: within a minute the callback is there', async () => {
    await removeAll()
    const stop = startBackground(server.ctx)
    const trigger = await create({ triggerValue: '+1' })
    receiver.received.length = 0
    await send(1)
    // In steps, so that what one second began has ended before the next: the database is real.
    for (let second = 0; second < 60 && receiver.received.length === 0; second++) {
      await clock.advance('1s')
      await server.ctx.storage.system.write((tx) => tx.get`select 1 as one`)
      await server.ctx.webhooks.drained()
    }
    await stop()
    assert.equal(new URLSearchParams(receiver.received[0]?.body).get('UsageTriggerSid'), trigger.sid)
  })
})

for (const [recurring, name, days] of [
  ['daily', '2026-11-20', 1],
  ['monthly', '2026-11', 20],
  ['yearly', '2026', 324],
] as const) {
  test(`${recurring}, a period is ${name}`, () => {
    const period = periodOf(recurring, Date.parse('2026-11-20T12:00:00Z'))
    assert.equal(period.name, name)
    assert.equal(period.span.toDay - period.span.fromDay + 1, days)
  })
}
