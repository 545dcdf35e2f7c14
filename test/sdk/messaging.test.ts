import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'

describe('the official Node SDK at numbers and messages', () => {
  let server: TestServer
  let client: twilio.Twilio
  before(async () => {
    server = await testServer()
    client = twilio(server.accountSid, server.authToken)
    client.api.baseUrl = await server.listen()
  })
  after(() => server.close())

  const refusal = (status: number, code: number) => (error: unknown) => {
    assert.ok(error instanceof twilio.RestException)
    assert.deepEqual([error.status, error.code], [status, code])
    return true
  }

  test('takes a number, points it at a Function, gives it back', async () => {
    const phoneNumber = freshNumber()
    const made = await client.incomingPhoneNumbers.create({ phoneNumber, friendlyName: 'Support' })
    assert.deepEqual([made.phoneNumber, made.capabilities.sms, made.smsUrl], [phoneNumber, true, ''])
    const smsUrl = 'https://demo-1234-dev.twil.io/sms-reply'
    const changed = await client.incomingPhoneNumbers(made.sid).update({ smsUrl, smsMethod: 'GET' })
    assert.deepEqual([changed.smsUrl, changed.smsMethod], [smsUrl, 'GET'])
    const [found, ...others] = await client.incomingPhoneNumbers.list({ phoneNumber })
    assert.deepEqual([found?.sid, found?.smsUrl, others], [made.sid, smsUrl, []])
    assert.equal((await client.incomingPhoneNumbers(made.sid).fetch()).friendlyName, 'Support')
    await assert.rejects(client.incomingPhoneNumbers.create({ phoneNumber }), refusal(400, 21422))
    assert.equal(await client.incomingPhoneNumbers(made.sid).remove(), true)
    await assert.rejects(client.incomingPhoneNumbers(made.sid).fetch(), refusal(404, 20404))
  })

  test('sends, lists, empties and deletes messages', async () => {
    const [to, from] = [freshNumber(), freshNumber()]
    const sent = await client.messages.create({ to, from, body: 'Hello 👋' })
    assert.deepEqual(
      [sent.status, sent.direction, sent.numSegments, sent.errorCode, sent.dateSent],
      ['queued', 'outbound-api', '1', null, null],
    )
    await server.ctx.messaging.drained()
    const delivered = await client.messages(sent.sid).fetch()
    assert.equal(delivered.status, 'delivered')
    assert.ok(delivered.dateSent instanceof Date && !Number.isNaN(delivered.dateSent.getTime()))
    for (const body of ['two', 'three']) await client.messages.create({ to, from, body })
    const listed = await client.messages.list({ to, pageSize: 2 })
    assert.deepEqual(
      listed.map(({ body }) => body),
      ['three', 'two', 'Hello 👋'],
    )
    const dateSentAfter = new Date(server.ctx.clock.now() + 86_400_000)
    assert.deepEqual(await client.messages.list({ to, dateSentAfter }), [])
    assert.equal((await client.messages(sent.sid).update({ body: '' })).body, '')
    assert.equal(await client.messages(sent.sid).remove(), true)
    await assert.rejects(client.messages(sent.sid).fetch(), refusal(404, 20404))
    await assert.rejects(client.messages.create({ to: '+1', from, body: 'x' }), refusal(400, 21211))
  })
})
