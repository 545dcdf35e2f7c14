import assert from 'node:assert/strict'
import { recordReceipt } from '../../src/delivery/receipts.ts'
import { receiveMessage } from '../../src/messaging/inbound/receive.ts'
import { applyMessageReceipt } from '../../src/messaging/messages/progress.ts'
import { lease as leaseMessage, listDue as listMessagesDue } from '../../src/messaging/messages/store.ts'
import { runBackground, runUsage } from '../../src/operations/background.ts'
import { sidPlacement } from '../../src/storage/sid.ts'
import { findQueued, lease, listDue } from '../../src/verify/attempts/store.ts'
import * as webhookStore from '../../src/webhooks/store.ts'
import type { TimerlessClock } from './clock.ts'
import { buildEstate } from './estate.ts'
import { askUpload, type FunctionsEstate, HELLO, makeBuild } from './functions.ts'
import { basic, freshNumber, type TestServer } from './server.ts'

const DAY_MS = 86_400_000

/** Asks for everything that the API does, in all its branches that reach the database, and prunes what it left; takes weeks. */
export async function runAllOperations(server: TestServer, clock: TimerlessClock): Promise<void> {
  const { ctx, serviceSid } = server
  const paged = async (path: string) => {
    const separator = path.includes('?') ? '&' : '?'
    const first = await server.get(`${path}${separator}PageSize=1`)
    assert.equal(first.status, 200)
    const next = await server.get(first.body.meta.next_page_url.replace('http://localhost:8080', ''))
    await server.get(next.body.meta.previous_page_url.replace('http://localhost:8080', ''))
  }

  const { sid: other } = (await server.post('/v2/Services', { FriendlyName: 'Other' })).body
  await server.post(`/v2/Services/${other}`, { CodeLength: 8 })
  await server.get(`/v2/Services/${other}`)
  await paged('/v2/Services')
  await server.del(`/v2/Services/${other}`)

  const [to, called, canceled, approved] = [freshNumber(), freshNumber(), freshNumber(), freshNumber()]
  const started = (await server.start(to)).body
  await server.start(to)
  const code = await server.lastCode(to)
  const verification = `/v2/Services/${serviceSid}/Verifications`
  await server.get(`${verification}/${started.sid}`)
  await server.get(`${verification}/${encodeURIComponent(to)}`)
  await server.check(to, code === '000000' ? '000001' : '000000')
  assert.equal((await server.check(to, code, { VerificationSid: started.sid })).body.status, 'approved')
  for (let guess = 1; guess <= 6; guess++) {
    if (guess === 1) await server.start(called, { Channel: 'call' })
    await server.check(called, '0000')
  }
  await server.start(canceled)
  await server.post(`${verification}/${encodeURIComponent(canceled)}`, { Status: 'canceled' })
  const { sid } = (await server.start(approved)).body
  await server.post(`${verification}/${sid}`, { Status: 'approved' })

  await paged('/inbox/messages')
  await server.get(`/inbox/messages?To=${encodeURIComponent(to)}`)

  clock.pass(2 * DAY_MS)
  await runBackground(ctx)
  await server.get(`/v2/Attempts?VerificationSid=${started.sid}`)
  const day = 'DateCreatedAfter=2026-01-01T00:00:00Z&DateCreatedBefore=2027-01-01T00:00:00Z'
  await paged('/v2/Attempts')
  await paged(`/v2/Attempts?ChannelData.To=${encodeURIComponent(to)}`)
  const filters = `${day}&Country=US&Channel=sms&VerifyServiceSid=${serviceSid}`
  await server.get(`/v2/Attempts?${filters}&Status=converted&VerificationSid=${started.sid}`)
  await server.get('/v2/Attempts/Summary')
  await server.get(`/v2/Attempts/Summary?${filters}&DestinationPrefix=1415`)
  const attemptSid = started.send_code_attempts[0].attempt_sid
  await server.get(`/v2/Attempts/${attemptSid}`)
  await server.get(`/delivery/attempts/${attemptSid}`)
  const usage = `/2010-04-01/Accounts/${server.accountSid}/Usage`
  await server.get(`${usage}/Records/Daily.json`)
  const callback = { CallbackUrl: 'https://example.com/', TriggerValue: '1', UsageCategory: 'sms' }
  const trigger = (await server.post(`${usage}/Triggers.json`, callback)).body
  await server.get(`${usage}/Triggers.json?Recurring=alltime&TriggerBy=usage&UsageCategory=sms`)
  await server.get(`${usage}/Triggers/${trigger.sid}.json`)
  await server.post(`${usage}/Triggers/${trigger.sid}.json`, { FriendlyName: 'Renamed' })
  await runUsage(ctx)
  const [callbackDue] = await webhookStore.listDue(ctx.storage.system, ctx.clock.now(), 1)
  if (callbackDue) {
    await ctx.storage.system.write((tx) => webhookStore.lease(tx, callbackDue, ctx.clock.now()))
    await ctx.storage.system.write((tx) => webhookStore.updateTry(tx, callbackDue, ctx.clock.now()))
  }
  await server.del(`${usage}/Triggers/${trigger.sid}.json`)
  await runAccountOperations(server)
  await runMessaging(server)
  await server.get('/readyz')
  await recordReceipt(ctx, { providerId: 'carrier', messageId: 'unknown', state: 'delivered' })
  // What the queue asks when a send has not succeeded at once.
  const { system } = ctx.storage
  await listDue(system.read, 'sms', ctx.clock.now(), 10)
  const attempt = await findQueued(system.read, sidPlacement(attemptSid), attemptSid)
  if (attempt) await system.write((tx) => lease(tx, attempt, ctx.clock.now()))
  clock.pass(40 * DAY_MS)
  await runBackground(ctx)
}

/** What an account has beside what Verify keeps: made, listed, read, changed, removed. */
async function runAccountOperations(server: TestServer): Promise<void> {
  const of = await buildEstate(server)
  const accounts = '/2010-04-01/Accounts'
  const account = `${accounts}/${of.accountSid}`
  const team = (await server.post(accounts, { FriendlyName: 'Team' })).body
  await server.get(`${accounts}?FriendlyName=Team&Status=active`)
  await server.post(`${accounts}/${team.sid}`, { Status: 'suspended' })
  const key = (await server.post('/v1/Keys', { AccountSid: team.sid })).body
  assert.equal((await server.get('/v2/Services', basic(key.sid, key.secret))).status, 403)
  assert.equal((await server.del(`/v1/Keys/${key.sid}`)).status, 204)
  for (const [list, sid] of [
    [`${account}/Keys`, of.keySid],
    [`${account}/OutgoingCallerIds`, of.callerIdSid],
    ['/v1/IpAccessLists', of.ipListSid],
  ] as const) {
    assert.equal((await server.get(`${list}?PageSize=1`)).status, 200, list)
    assert.equal((await server.get(`${list}/${sid}`)).status, 200, list)
    assert.equal((await server.post(`${list}/${sid}`, { FriendlyName: 'Renamed' })).status, 200, list)
    assert.equal((await server.del(`${list}/${sid}`)).status, 204, list)
  }
  for (const [list, sid] of [
    ['/v1/Events', of.eventSid],
    ['/v1/Alerts', of.alertSid],
  ] as const) {
    assert.equal((await server.get(`${list}?StartDate=2026-01-01`)).status, 200, list)
    assert.equal((await server.get(`${list}/${sid}`)).status, 200, list)
  }
  await runFunctionOperations(server, of.functions)
  assert.equal((await server.post('/v1/AuthTokens/Secondary')).status, 201)
  assert.equal((await server.del('/v1/AuthTokens/Secondary')).status, 204)
}

/** What Functions are made of. */
async function runFunctionOperations(server: TestServer, of: FunctionsEstate): Promise<void> {
  const service = `/v1/Services/${of.service}`
  const environment = `${service}/Environments/${of.environment}`
  assert.equal((await server.get('/v1/Services/clockwork')).status, 200)
  assert.equal((await server.post(service, { IncludeCredentials: false })).status, 200)
  const [called, asset] = [`${service}/Functions/${of.function}`, `${service}/Assets/${of.asset}`]
  assert.equal((await askUpload(server, called, { path: '/wheel', content: HELLO })).status, 201)
  assert.equal((await server.get(`${called}/Versions/${of.functionVersion}/Content`)).status, 200)
  for (const [list, sid] of [
    ['/v1/Services', of.service],
    [`${service}/Functions`, of.function],
    [`${service}/Assets`, of.asset],
    [`${called}/Versions`, of.functionVersion],
    [`${asset}/Versions`, of.assetVersion],
    [`${service}/Builds`, of.build],
    [`${service}/Environments`, of.environment],
    [`${environment}/Variables`, of.variable],
    [`${environment}/Deployments`, of.deployment],
    [`${environment}/Logs`, of.log],
  ] as const) {
    for (const path of [list, `${list}?PageToken=PA${sid}`, `${list}?PageToken=PB${sid}`, `${list}/${sid}`])
      assert.equal((await server.get(path)).status, 200, path)
  }
  const filtered = `${environment}/Logs?FunctionSid=${of.function}&StartDate=2026-01-01&EndDate=2027-01-01`
  assert.equal((await server.get(filtered)).status, 200)
  assert.equal((await server.post(`${environment}/Variables/${of.variable}`, { Value: 'Bow' })).status, 200)
  const next = await makeBuild(server, service, { FunctionVersions: of.functionVersion })
  assert.equal((await server.post(`${environment}/Deployments`, { BuildSid: next })).status, 201)
  const { domain_name } = (await server.get(environment)).body
  assert.ok(await server.ctx.functions.deployed.find(domain_name.split('.')[0]))
  for (const path of [
    `${service}/Builds/${of.build}`,
    `${environment}/Variables/${of.variable}`,
    called,
    environment,
    service,
  ])
    assert.equal((await server.del(path)).status, 204, path)
}

/** Numbers and messages: written, received in parts, answered, listed, changed, removed. */
async function runMessaging(server: TestServer): Promise<void> {
  const { ctx, accountSid } = server
  const account = `/2010-04-01/Accounts/${accountSid}`
  const [line, person] = [freshNumber(), freshNumber()]
  const number = (await server.post(`${account}/IncomingPhoneNumbers`, { PhoneNumber: line })).body
  const numberPath = `${account}/IncomingPhoneNumbers/${number.sid}`
  assert.equal((await server.post(numberPath, { SmsUrl: 'http://127.0.0.1:1024/' })).status, 200)
  assert.equal((await server.get(numberPath)).status, 200)
  const filter = `PhoneNumber=${encodeURIComponent(line)}&FriendlyName=x`
  assert.equal((await server.get(`${account}/IncomingPhoneNumbers?${filter}`)).status, 200)
  const form = { To: person, From: line, Body: 'Hello', StatusCallback: 'https://example.com/' }
  const { sid } = (await server.post(`${account}/Messages`, form)).body
  for (const n of [1, 2]) {
    const part = { reference: 7, total: 2, n }
    await receiveMessage(ctx, { providerId: 'carrier', from: person, to: line, body: 'Hi', part })
  }
  await ctx.messaging.drained()
  const [due] = await listMessagesDue(ctx.storage.system, 'answer', ctx.clock.now() + DAY_MS, 1)
  if (due) await ctx.storage.system.write((tx) => leaseMessage(tx, due, ctx.clock.now()))
  await ctx.storage.system.write((tx) =>
    applyMessageReceipt(ctx, tx, sid, { providerId: 'carrier', messageId: '1', state: 'delivered' }),
  )
  const filters = `To=${encodeURIComponent(person)}&From=${encodeURIComponent(line)}&DateSent=2026-11-20`
  assert.equal((await server.get(`${account}/Messages?${filters}`)).status, 200)
  const list = (await server.get(`${account}/Messages.json?PageSize=1`)).body
  assert.equal((await server.get(list.next_page_uri)).status, 200)
  assert.equal((await server.get(`${account}/Messages?To=${encodeURIComponent(person)}`)).status, 200)
  const path = `${account}/Messages/${sid}`
  assert.equal((await server.get(path)).status, 200)
  assert.equal((await server.post(path, { Body: '' })).status, 200)
  assert.equal((await server.post(path, { Status: 'canceled' })).status, 409)
  assert.equal((await server.del(path)).status, 204)
  assert.equal((await server.del(numberPath)).status, 204)
}
