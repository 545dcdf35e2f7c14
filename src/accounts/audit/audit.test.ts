import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { fakeClock } from '../../../test/support/clock.ts'
import { testServer } from '../../../test/support/server.ts'

const PUBLIC = 'http://localhost:8080'

async function serve(t: TestContext) {
  const clock = fakeClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  const typesOf = async (query = '') =>
    (await server.get(`/v1/Events${query}`)).body.events.map((e: { event_type: string }) => e.event_type)
  return { server, clock, typesOf }
}

test('a change is an event that tells who, from where, and what it was before', async (t) => {
  const { server, clock } = await serve(t)
  const path = `/v2/Services/${server.serviceSid}`
  await server.post(path, { CodeLength: 8, FriendlyName: 'Test' })
  const [event] = (await server.get('/v1/Events?EventType=verify-service.updated')).body.events
  const { sid, ...told } = event
  assert.match(sid, /^AE[0-9a-f]{32}$/)
  assert.deepEqual(told, {
    account_sid: server.accountSid,
    actor_sid: server.accountSid,
    actor_type: 'account',
    description: null,
    event_data: { code_length: { previous: 6, updated: 8 } },
    event_date: new Date(clock.now()).toISOString().replace('.000', ''),
    event_type: 'verify-service.updated',
    resource_sid: server.serviceSid,
    resource_type: 'verify-service',
    source: 'api',
    source_ip_address: '127.0.0.1',
    url: `${PUBLIC}/v1/Events/${sid}`,
    links: {
      actor: `${PUBLIC}/2010-04-01/Accounts/${server.accountSid}`,
      resource: `${PUBLIC}${path}`,
    },
  })
  assert.deepEqual((await server.get(`/v1/Events/${sid}`)).body, event)
})

test('what a program of the official libraries is told to follow is on the right host', async (t) => {
  const { server } = await serve(t)
  const { authorization } = await addAccount(server.ctx)
  await server.post('/v2/Services', { FriendlyName: 'Linked' }, authorization)
  const headers = { authorization, host: 'monitor.twilio.com' }
  const { events } = (await server.app.inject({ url: '/v1/Events', headers })).json()
  assert.match(events[0].url, /^https:\/\/monitor\.twilio\.com\/v1\/Events\/AE/)
  assert.match(events[0].links.actor, /^https:\/\/api\.twilio\.com\/2010-04-01\/Accounts\/AC/)
  assert.match(events[0].links.resource, /^https:\/\/verify\.twilio\.com\/v2\/Services\/VA/)
})

test('the filters, alone and together', async (t) => {
  const { server, clock, typesOf } = await serve(t)
  await clock.advance('1s')
  const { sid, secret } = (await server.post('/v1/Keys', { AccountSid: server.accountSid })).body
  const key = `Basic ${btoa(`${sid}:${secret}`)}`
  await clock.advance('1m')
  const between = new Date(clock.now() - 30_000).toISOString()
  const made = (await server.post('/v2/Services', { FriendlyName: 'By key' }, key)).body
  await clock.advance('1m')
  await server.del(`/v2/Services/${made.sid}`)

  assert.deepEqual(await typesOf(`?ResourceSid=${made.sid}`), [
    'verify-service.deleted',
    'verify-service.created',
  ])
  assert.deepEqual(await typesOf(`?ActorSid=${sid}`), ['verify-service.created'])
  assert.deepEqual(await typesOf('?EventType=api-key.created'), ['api-key.created'])
  assert.deepEqual(await typesOf(`?StartDate=${between}&ActorSid=${server.accountSid}`), [
    'verify-service.deleted',
  ])
  assert.deepEqual(await typesOf(`?EndDate=${between}`), ['api-key.created', 'account.created'])
  assert.deepEqual(await typesOf('?StartDate=2026-11-21'), [])
  assert.deepEqual(await typesOf('?EndDate=2026-11-19'), [])
  assert.equal((await typesOf('?StartDate=2026-11-20&EndDate=2026-11-20')).length, 4)
  assert.equal((await typesOf('?SourceIpAddress=127.0.0.1')).length, 3)
  assert.deepEqual(await typesOf('?SourceIpAddress=192.0.2.1'), [])
  assert.equal((await server.get('/v1/Events?StartDate=yesterday')).body.code, 60200)
})

test('pages keep the filters, and no event is skipped or shown twice', async (t) => {
  const { server } = await serve(t)
  for (let n = 0; n < 5; n++) await server.post(`/v2/Services/${server.serviceSid}`, { CodeLength: 4 + n })
  const seen: string[] = []
  let next: string | null = '/v1/Events?EventType=verify-service.updated&PageSize=2'
  while (next !== null) {
    const { body } = await server.get(next)
    seen.push(...body.events.map(({ sid }: { sid: string }) => sid))
    next = body.meta.next_page_url?.replace(PUBLIC, '') ?? null
  }
  assert.equal(new Set(seen).size, 5)
  assert.equal(seen.length, 5)
})

test('an account reads its own events only, and nobody changes or deletes one', async (t) => {
  const { server } = await serve(t)
  const { sid } = (await server.get('/v1/Events')).body.events[0]
  const { authorization } = await addAccount(server.ctx)
  assert.deepEqual((await server.get('/v1/Events', authorization)).body.events, [])
  assert.equal((await server.get(`/v1/Events/${sid}`, authorization)).status, 404)
  assert.equal((await server.post(`/v1/Events/${sid}`)).status, 405)
  assert.equal((await server.del(`/v1/Events/${sid}`)).status, 405)
  assert.equal((await server.post('/v1/Events')).status, 405)
})
