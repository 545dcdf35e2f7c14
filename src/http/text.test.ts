import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { basic, freshNumber, type TestServer, testServer } from '../../test/support/server.ts'
import { isStorable } from './text.ts'

test('text that the databases do not take is found however deep it lies', () => {
  for (const good of ['', 'Zoë 🙂', 7, null, { a: ['b', { c: 'd' }] }]) assert.ok(isStorable(good))
  for (const bad of ['a\0', '\ud83d', { a: ['\0'] }, { '\0': 1 }]) assert.ok(!isStorable(bad))
  assert.ok(!isStorable(JSON.parse('['.repeat(30_000) + ']'.repeat(30_000))))
})

describe('input that PostgreSQL would refuse is refused before', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
  })
  after(() => server.close())

  test('a path that should name a sid and does not: 404', async () => {
    const account = `/2010-04-01/Accounts/${server.accountSid}`
    for (const path of [
      '/v1/Events/%00',
      '/v1/Alerts/%00',
      '/v1/Keys/%00',
      '/v1/IpAccessLists/%00',
      '/v2/Attempts/%00',
      '/delivery/attempts/%00',
      '/2010-04-01/Accounts/%00.json',
      '/2010-04-01/Accounts/%00/Keys.json',
      `${account}/Keys/%00.json`,
      `${account}/OutgoingCallerIds/%00.json`,
      `${account}/Usage/Triggers/%00.json`,
      `/v2/Services/${server.serviceSid}/Verifications/%00`,
      '/v2/Services/%00/Verifications/%2B14155550100',
    ]) {
      const { status, body } = await server.get(path)
      assert.deepEqual([status, body.code], [404, 20404], path)
    }
    const { body } = await server.get('/v1/Keys/nonsense')
    assert.equal(body.message, 'The requested resource /Keys/nonsense was not found')
  })

  test('a parameter with a NUL, or with half a character: 60200 that names it', async () => {
    const account = `/2010-04-01/Accounts/${server.accountSid}`
    for (const [path, name] of [
      ['/v1/Events?ActorSid=%00', 'ActorSid'],
      ['/v1/Events?EventType=a%00', 'EventType'],
      ['/v1/Alerts?LogLevel=%00', 'LogLevel'],
      ['/2010-04-01/Accounts.json?FriendlyName=%00', 'FriendlyName'],
      ['/v2/Attempts?Country=%00', 'Country'],
    ] as const) {
      const { status, body } = await server.get(path)
      assert.deepEqual([status, body.message], [400, `Invalid parameter: ${name}`], path)
    }
    for (const path of ['/2010-04-01/Accounts.json', `${account}/Keys.json`, '/v2/Services']) {
      const { status, body } = await server.post(path, { FriendlyName: 'a\0b' })
      assert.deepEqual([status, body.message], [400, 'Invalid parameter: FriendlyName'], path)
    }
    const tagged = await server.start(freshNumber(), { Tags: '{"a":"\\ud83d"}' })
    assert.deepEqual([tagged.status, tagged.body.message], [400, 'Invalid parameter: Tags'])
  })

  test('a date that is none: 400', async () => {
    for (const path of ['/v1/Events', '/v1/Alerts'])
      assert.equal((await server.get(`${path}?StartDate=2026-99-99`)).status, 400)
  })

  test('a Host that is none: 400', async () => {
    const authorization = basic(server.accountSid, server.authToken)
    const reply = await server.app.inject({ url: '/v1/Events', headers: { authorization, host: 'a b[' } })
    assert.deepEqual([reply.statusCode, reply.json().message], [400, 'Malformed Host'])
  })
})
