import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { runRecords } from '../../src/operations/background.ts'
import { type FakeClock, fakeClock } from '../support/clock.ts'
import { type TestServer, testServer } from '../support/server.ts'

describe('the official Node SDK at Monitor', () => {
  let server: TestServer
  let clock: FakeClock
  let client: twilio.Twilio
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
    const url = await server.listen()
    client = twilio(server.accountSid, server.authToken)
    for (const domain of [client.verify, client.monitor]) domain.baseUrl = url
  })
  after(() => server.close())

  test('events: what was changed, by whom, from where', async () => {
    const service = await client.verify.v2.services.create({ friendlyName: 'Watched' })
    await clock.advance('1s')
    await client.verify.v2.services(service.sid).update({ codeLength: 8 })
    const [updated, created, ...others] = await client.monitor.v1.events.list({ resourceSid: service.sid })
    assert.deepEqual(others, [])
    assert.deepEqual(
      [updated?.eventType, created?.eventType],
      ['verify-service.updated', 'verify-service.created'],
    )
    const event = await client.monitor.v1.events(updated?.sid ?? '').fetch()
    assert.deepEqual(event.eventData, { code_length: { previous: 6, updated: 8 } })
    assert.deepEqual(
      [event.accountSid, event.actorSid, event.actorType, event.source, event.sourceIpAddress],
      [server.accountSid, server.accountSid, 'account', 'api', '127.0.0.1'],
    )
    assert.equal(event.eventDate.getTime(), clock.now())
    const startDate = new Date(clock.now())
    const since = await client.monitor.v1.events.list({ startDate, actorSid: server.accountSid })
    assert.deepEqual(
      since.map(({ sid }) => sid),
      [updated?.sid],
    )
  })

  test('events, over their pages', async () => {
    for (let n = 0; n < 5; n++) await client.verify.v2.services.create({ friendlyName: 'Paged' })
    const all = await client.monitor.v1.events.list({ pageSize: 2 })
    assert.equal(new Set(all.map(({ sid }) => sid)).size, all.length)
    assert.ok(all.length > 6)
  })

  test('alerts', async () => {
    const { accountSid, serviceSid } = server
    server.ctx.alerts.raise({
      accountSid,
      errorCode: '30008',
      text: 'a send failed',
      resourceSid: serviceSid,
    })
    await runRecords(server.ctx)
    const [alert, ...others] = await client.monitor.v1.alerts.list({ logLevel: 'error' })
    assert.deepEqual(others, [])
    assert.deepEqual(
      [alert?.errorCode, alert?.alertText, alert?.logLevel],
      ['30008', 'a send failed', 'error'],
    )
    const fetched = await client.monitor.v1.alerts(alert?.sid ?? '').fetch()
    assert.deepEqual([fetched.resourceSid, fetched.requestVariables], [serviceSid, null])
  })
})
