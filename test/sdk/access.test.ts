import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { addAccount } from '../support/account.ts'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'

const refusal = (status: number, code: number) => (error: unknown) => {
  assert.ok(error instanceof twilio.RestException)
  assert.deepEqual([error.status, error.code], [status, code])
  return true
}

describe('the official Node SDK of a trial account', () => {
  let server: TestServer
  let client: twilio.Twilio
  let serviceSid: string
  before(async () => {
    server = await testServer()
    const url = await server.listen()
    const { sid, authorization } = await addAccount(server.ctx, 'active', 'Trial')
    const [, token = ''] = Buffer.from(authorization.slice(6), 'base64').toString().split(':')
    client = twilio(sid, token)
    for (const domain of [client.verify, client.api]) domain.baseUrl = url
    const service = await client.verify.v2.services.create({ friendlyName: 'Trying' })
    serviceSid = service.sid
  })
  after(() => server.close())

  const start = (to: string) =>
    client.verify.v2.services(serviceSid).verifications.create({ to, channel: 'sms' })

  test('a number has to be proved before it gets messages, and gets none once it is deleted', async () => {
    const phoneNumber = freshNumber()
    await assert.rejects(start(phoneNumber), refusal(403, 21608))
    const request = await client.validationRequests.create({ phoneNumber, friendlyName: 'Mine' })
    assert.deepEqual(
      [request.accountSid, request.phoneNumber, request.friendlyName, request.validationCode],
      [client.accountSid, phoneNumber, 'Mine', null],
    )
    // What the SDK has no name for.
    await client.request({
      method: 'post',
      uri: `${client.api.baseUrl}/v1/CallerIdConfirmations`,
      data: { PhoneNumber: phoneNumber, Code: await server.lastCode(phoneNumber) },
    })
    const [callerId, ...more] = await client.outgoingCallerIds.list({ phoneNumber })
    assert.ok(callerId)
    assert.deepEqual([callerId.phoneNumber, callerId.friendlyName, more], [phoneNumber, 'Mine', []])
    assert.ok(callerId.dateCreated instanceof Date)
    assert.equal((await start(phoneNumber)).status, 'pending')
    await assert.rejects(client.validationRequests.create({ phoneNumber }), refusal(400, 21210))

    const one = client.outgoingCallerIds(callerId.sid)
    assert.equal((await one.update({ friendlyName: 'My number' })).friendlyName, 'My number')
    assert.equal((await one.fetch()).friendlyName, 'My number')
    assert.equal(await one.remove(), true)
    await assert.rejects(one.fetch(), refusal(404, 20404))
    await assert.rejects(start(phoneNumber), refusal(403, 21608))
  })
})
