import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { carrier, deliveryLab, rejected } from '../../../test/support/carrier.ts'
import { fakeClock, timerlessClock } from '../../../test/support/clock.ts'
import { freshNumber, testServer } from '../../../test/support/server.ts'
import type { Clock } from '../../clock.ts'
import { recordReceipt } from '../../delivery/receipts.ts'
import { runBackground, runRecords } from '../../operations/background.ts'
import { keepAlerts } from './alert.ts'

const DAY_MS = 86_400_000

async function serve<C extends Clock>(t: TestContext, clock: C) {
  const server = await testServer({ clock })
  t.after(() => server.close())
  const raise = (errorCode: string) =>
    server.ctx.alerts.raise({
      accountSid: server.accountSid,
      errorCode,
      text: `failed with ${errorCode}`,
      resourceSid: server.serviceSid,
    })
  const textsOf = async (query = '') =>
    (await server.get(`/v1/Alerts?PageSize=1000${query}`)).body.alerts.map(
      (a: { alert_text: string }) => a.alert_text,
    )
  return { server, raise, textsOf }
}

test('a number that the carrier refuses is an alert, which names neither number nor code', async (t) => {
  const lab = await deliveryLab({ sms: [carrier('acme', () => rejected('bad_number'))] })
  const { server } = lab
  t.after(() => server.close())
  const to = freshNumber()
  await server.start(to)
  await lab.seconds(1)
  await runRecords(server.ctx)
  const { body } = await server.get('/v1/Alerts')
  const [{ sid, date_created, ...alert }] = body.alerts
  const attempt = (await lab.tell(to)).sid
  assert.deepEqual(alert, {
    account_sid: server.accountSid,
    alert_text: `sms to ${to.slice(0, 5)}•••${to.slice(-4)} by acme failed: no-bad_number`,
    api_version: null,
    date_generated: date_created,
    date_updated: date_created,
    error_code: '30005',
    log_level: 'error',
    more_info: 'https://www.twilio.com/docs/errors/30005',
    request_method: 'POST',
    request_url: `http://localhost:8080/v2/Services/${server.serviceSid}/Verifications`,
    resource_sid: attempt,
    service_sid: server.serviceSid,
    url: `http://localhost:8080/v1/Alerts/${sid}`,
  })
  const details = {
    request_variables: null,
    request_headers: null,
    response_body: null,
    response_headers: null,
  }
  assert.deepEqual((await server.get(`/v1/Alerts/${sid}`)).body, { ...body.alerts[0], ...details })
})

for (const [what, kind, told] of [
  ['what every carrier refuses', 'content', /^30007 sms by acme failed: no-content$/],
  [
    'what no carrier took in time',
    'config',
    /^30008 sms by acme failed: (no-config|no carrier took it while its code lived)$/,
  ],
] as const) {
  test(`${what} is one alert`, async (t) => {
    const lab = await deliveryLab(
      { sms: [carrier('acme', () => rejected(kind))] },
      { COUNTERSIGN_CODE_TTL_SECONDS: '120' },
    )
    t.after(() => lab.server.close())
    for (let n = 0; n < 5; n++) await lab.server.start(freshNumber())
    await lab.seconds(600)
    await runRecords(lab.server.ctx)
    const { alerts } = (await lab.server.get('/v1/Alerts')).body
    assert.equal(alerts.length, 5)
    for (const { error_code, alert_text } of alerts)
      assert.match(`${error_code} ${alert_text.replace(/ to \S+/, '')}`, told)
  })
}

test('a receipt that says undelivered is an alert, one that comes again is none', async (t) => {
  const lab = await deliveryLab({ sms: [carrier('acme')] })
  const { server } = lab
  t.after(() => server.close())
  await server.start(freshNumber())
  await lab.seconds(1)
  const receipt = { providerId: 'acme', messageId: 'acme-1', state: 'undelivered' as const, code: 'absent' }
  await recordReceipt(server.ctx, receipt)
  await recordReceipt(server.ctx, receipt)
  await runRecords(server.ctx)
  const { alerts } = (await server.get('/v1/Alerts')).body
  assert.equal(alerts.length, 1)
  assert.match(alerts[0].alert_text, /by acme failed: absent$/)
})

test('what fails by the thousand is told ten times a minute, and how many more there were', async (t) => {
  const clock = fakeClock()
  const { server, raise, textsOf } = await serve(t, clock)
  for (let n = 0; n < 1_000; n++) raise('30008')
  raise('30004')
  await runRecords(server.ctx)
  assert.equal((await textsOf()).length, 11)
  await clock.advance('1m')
  await runRecords(server.ctx)
  const [rest, ...others] = await textsOf()
  assert.equal(rest, '990 more within a minute, the first: failed with 30008')
  assert.equal(others.length, 11)
})

test('what is raised while others are written is written next', async (t) => {
  const { server, textsOf } = await serve(t, fakeClock())
  const { storage } = server.ctx
  const raise = (errorCode: string) =>
    alerts.raise({
      accountSid: server.accountSid,
      errorCode,
      text: `failed with ${errorCode}`,
      resourceSid: server.serviceSid,
    })
  let last: string | undefined = 'during'
  const write: typeof storage.write = async (unit) => {
    const written = await storage.system.write(unit)
    if (last) raise(last)
    last = undefined
    return written
  }
  const alerts = keepAlerts({
    ...server.ctx,
    storage: { ...storage, system: { ...storage.system, write } },
  })
  raise('before')
  await alerts.flush()
  assert.deepEqual(await textsOf(), ['failed with before'])
  await alerts.flush()
  assert.deepEqual((await textsOf()).sort(), ['failed with before', 'failed with during'])
})

test('filters, pages, and whose alerts they are', async (t) => {
  const clock = fakeClock()
  const { server, raise, textsOf } = await serve(t, clock)
  raise('1')
  await runRecords(server.ctx)
  await clock.advance('1h')
  const between = new Date(clock.now() - 1_000).toISOString()
  server.ctx.alerts.raise({
    accountSid: server.accountSid,
    logLevel: 'warning',
    errorCode: '2',
    text: 'second',
    resourceSid: server.serviceSid,
  })
  await runRecords(server.ctx)
  assert.deepEqual(await textsOf('&LogLevel=warning'), ['second'])
  assert.deepEqual(await textsOf(`&StartDate=${between}`), ['second'])
  assert.deepEqual(await textsOf(`&EndDate=${between}`), ['failed with 1'])
  assert.deepEqual(await textsOf('&StartDate=2026-11-21'), [])
  const { body } = await server.get('/v1/Alerts?LogLevel=error&PageSize=1')
  assert.equal(body.alerts[0].alert_text, 'failed with 1')
  assert.equal(body.meta.next_page_url, null)
  const { authorization } = await addAccount(server.ctx)
  assert.deepEqual((await server.get('/v1/Alerts', authorization)).body.alerts, [])
  assert.equal((await server.get(`/v1/Alerts/${body.alerts[0].sid}`, authorization)).status, 404)
})

test('alerts are kept for 30 days, events for good', async (t) => {
  const clock = timerlessClock()
  const { server, raise, textsOf } = await serve(t, clock)
  raise('1')
  await runRecords(server.ctx)
  const count = async () => (await server.get('/v1/Events?EventType=account.created')).body.events.length
  assert.deepEqual([(await textsOf()).length, await count()], [1, 1])
  clock.pass(31 * DAY_MS)
  await runBackground(server.ctx)
  assert.deepEqual([(await textsOf()).length, await count()], [0, 1])
})
