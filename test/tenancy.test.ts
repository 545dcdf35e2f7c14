import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from './support/account.ts'
import { runAllOperations } from './support/all-operations.ts'
import { timerlessClock } from './support/clock.ts'
import { basic, freshNumber, type TestServer, testServer } from './support/server.ts'

/** Tables whose rows belong to an account. */
const OF_A_TENANT = [
  'alert',
  'api_key',
  'attempt',
  'attempt_hour',
  'audit_event',
  'caller_id',
  'fn_blob',
  'fn_build',
  'fn_build_hour',
  'fn_build_item',
  'fn_deployment',
  'fn_environment',
  'fn_log',
  'fn_resource',
  'fn_service',
  'fn_variable',
  'fn_version',
  'handover',
  'inbox_message',
  'incoming_number',
  'ip_list',
  'message',
  'service',
  'usage_trigger',
  'verification',
]

describe('tenancy', () => {
  let server: TestServer
  const clock = timerlessClock()
  const statements: { text: string; system: boolean }[] = []
  before(async () => {
    server = await testServer({ clock, observe: (text, system) => statements.push({ text, system }) })
  })
  after(() => server.close())

  test('each statement about a tenant names the account, but for those of the system', async () => {
    await runAllOperations(server, clock)
    const tables = (text: string) => /\b(?:from|into|update|join)\s+(\w+)/i.exec(text)?.[1] ?? ''
    const ofTenants = statements.filter(({ text, system }) => !system && OF_A_TENANT.includes(tables(text)))
    const seen = new Set(ofTenants.map(({ text }) => tables(text)))
    assert.deepEqual([...seen].sort(), OF_A_TENANT)
    const nameless = ofTenants.filter(({ text }) => {
      // Of a change or a read it is the condition that counts, of an insert the columns.
      const condition = /^\s*insert/i.test(text) ? text : text.slice(text.search(/\bwhere\b/i))
      return !/\baccount_sid\b/.test(condition)
    })
    assert.deepEqual(
      nameless.map(({ text }) => text),
      [],
    )
  })

  test('with the credentials of another account nothing is there', async () => {
    const { authorization } = await addAccount(server.ctx)
    const to = freshNumber()
    const verification = (await server.start(to)).body
    const attempt = verification.send_code_attempts[0].attempt_sid
    const code = await server.lastCode(to)
    const service = `/v2/Services/${server.serviceSid}`
    for (const path of [
      service,
      `${service}/Verifications/${verification.sid}`,
      `${service}/Verifications/${encodeURIComponent(to)}`,
      `/v2/Attempts/${attempt}`,
      `/delivery/attempts/${attempt}`,
    ]) {
      assert.equal((await server.get(path)).status, 200, path)
      const { body } = await server.get(path, authorization)
      assert.deepEqual([body.status, body.code], [404, 20404], path)
    }
    for (const [path, form] of [
      [service, { FriendlyName: 'Mine' }],
      [`${service}/Verifications`, { To: to, Channel: 'sms' }],
      [`${service}/Verifications/${verification.sid}`, { Status: 'canceled' }],
      [`${service}/VerificationCheck`, { To: to, Code: code }],
      [`${service}/VerificationCheck`, { VerificationSid: verification.sid, Code: code }],
    ] as const) {
      const { body } = await server.post(path, form, authorization)
      assert.deepEqual([body.status, body.code], [404, 20404], path)
    }
    for (const [path, key] of [
      ['/v2/Services', 'services'],
      ['/v2/Attempts', 'attempts'],
      [`/v2/Attempts?ChannelData.To=${encodeURIComponent(to)}`, 'attempts'],
      [`/v2/Attempts?VerifyServiceSid=${server.serviceSid}`, 'attempts'],
      [`/v2/Attempts?VerificationSid=${verification.sid}`, 'attempts'],
      [`/v2/Attempts?PageToken=PA${attempt}`, 'attempts'],
      ['/inbox/messages', 'messages'],
      [`/inbox/messages?To=${encodeURIComponent(to)}`, 'messages'],
    ] as const) {
      assert.deepEqual((await server.get(path, authorization)).body[key], [], path)
    }
    assert.equal((await server.get('/v2/Attempts/Summary', authorization)).body.total_attempts, 0)
    const inSummary = await server.get(
      `/v2/Attempts/Summary?VerifyServiceSid=${server.serviceSid}`,
      authorization,
    )
    assert.equal(inSummary.body.total_attempts, 0)
    // Its guesses were none of the owner's, and its requests changed nothing.
    assert.equal((await server.check(to, code)).body.status, 'approved')
    assert.equal((await server.get(service)).body.friendly_name, 'Test')
  })

  test('two accounts send to one recipient without meeting', async () => {
    const { authorization } = await addAccount(server.ctx)
    const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Theirs' }, authorization)).body
    const to = freshNumber()
    const mine = (await server.start(to)).body
    const code = await server.lastCode(to)
    const path = `/v2/Services/${sid}/Verifications`
    const theirs = (await server.post(path, { To: to, Channel: 'sms' }, authorization)).body
    assert.notEqual(theirs.sid, mine.sid)
    await server.ctx.delivery.drained()
    const inbox = `/inbox/messages?To=${encodeURIComponent(to)}`
    const codes = async (as?: string) =>
      (await server.get(inbox, as)).body.messages.map((m: { verification_sid: string }) => m.verification_sid)
    assert.deepEqual([await codes(), await codes(authorization)], [[mine.sid], [theirs.sid]])
    const list = `/v2/Attempts?ChannelData.To=${encodeURIComponent(to)}`
    assert.equal((await server.get(list, authorization)).body.attempts.length, 1)
    assert.equal((await server.check(to, code)).body.status, 'approved')
    assert.equal((await server.get(`${path}/${theirs.sid}`, authorization)).body.status, 'pending')
  })

  test("one account's token opens no other", async () => {
    const { sid } = await addAccount(server.ctx)
    assert.equal((await server.get('/v2/Services', basic(sid, server.authToken))).status, 401)
  })

  test('what another account asks for does not evict or poison what is kept of a service', async () => {
    const { authorization } = await addAccount(server.ctx)
    const path = `/v2/Services/${server.serviceSid}`
    for (let n = 0; n < 3; n++) {
      const [theirs, mine] = await Promise.all([server.get(path, authorization), server.get(path)])
      assert.deepEqual([theirs.status, mine.status], [404, 200])
    }
  })
})
