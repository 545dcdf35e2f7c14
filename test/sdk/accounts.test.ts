import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'

const refusal = (status: number, code: number) => (error: unknown) => {
  assert.ok(error instanceof twilio.RestException)
  assert.deepEqual([error.status, error.code], [status, code])
  return true
}

describe('the official Node SDK at accounts, keys and tokens', () => {
  let server: TestServer
  let url: string
  let client: twilio.Twilio
  before(async () => {
    server = await testServer()
    url = await server.listen()
    client = connect(server.accountSid, server.authToken)
  })
  after(() => server.close())

  function connect(user: string, secret: string, accountSid = server.accountSid): twilio.Twilio {
    const made = twilio(user, secret, { accountSid })
    for (const domain of [made.verify, made.api, made.iam, made.accounts]) domain.baseUrl = url
    return made
  }
  const services = (of: twilio.Twilio) => of.verify.v2.services.list()

  test('an account, its subaccounts, and closing one', async () => {
    const own = await client.api.v2010.accounts(server.accountSid).fetch()
    assert.deepEqual(
      [own.sid, own.ownerAccountSid, own.status, own.type],
      [own.sid, own.sid, 'active', 'Full'],
    )
    assert.ok(own.dateCreated instanceof Date && !Number.isNaN(own.dateCreated.getTime()))

    const made = await client.api.v2010.accounts.create({ friendlyName: 'Team' })
    assert.deepEqual([made.ownerAccountSid, made.friendlyName], [server.accountSid, 'Team'])
    const team = connect(made.sid, made.authToken, made.sid)
    assert.deepEqual(await services(team), [])
    const account = client.api.v2010.accounts(made.sid)
    await account.update({ friendlyName: 'The team', status: 'suspended' })
    await assert.rejects(services(team), refusal(403, 20005))
    await account.update({ status: 'active' })
    assert.deepEqual(await services(team), [])
    const closed = await account.update({ status: 'closed' })
    assert.deepEqual([closed.friendlyName, closed.status], ['The team', 'closed'])
    await assert.rejects(account.update({ status: 'active' }), refusal(409, 20409))
  })

  test('lists of accounts, over their pages', async () => {
    const names = ['List one', 'List two', 'List three']
    for (const friendlyName of names) await client.api.v2010.accounts.create({ friendlyName })
    const listed = await client.api.v2010.accounts.list({ pageSize: 2 })
    const found = listed.map(({ friendlyName }) => friendlyName)
    for (const name of names) assert.ok(found.includes(name), name)
    assert.equal(new Set(listed.map(({ sid }) => sid)).size, listed.length)
    const [one, ...more] = await client.api.v2010.accounts.list({ friendlyName: 'List two' })
    assert.deepEqual([one?.friendlyName, more], ['List two', []])
    const page = await client.api.v2010.accounts.page({ pageSize: 2 })
    const next = await page.nextPage()
    assert.equal((await next?.previousPage())?.instances[0]?.sid, page.instances[0]?.sid)
  })

  test('keys of the 2010 API open Verify, and are gone at once', async () => {
    const account = client.api.v2010.accounts(server.accountSid)
    const { sid, secret } = await account.newKeys.create({ friendlyName: 'Shop' })
    const shop = connect(sid, secret)
    assert.ok((await services(shop)).length > 0)
    await assert.rejects(shop.api.v2010.accounts.list(), refusal(403, 20006))
    const fetched = await account.keys(sid).fetch()
    assert.deepEqual([fetched.friendlyName, Object.hasOwn(fetched.toJSON(), 'secret')], ['Shop', false])
    assert.equal((await account.keys(sid).update({ friendlyName: 'Till' })).friendlyName, 'Till')
    assert.ok((await account.keys.list({ pageSize: 1 })).some((key) => key.sid === sid))
    assert.equal(await account.keys(sid).remove(), true)
    await assert.rejects(services(shop), refusal(401, 20003))
  })

  test('signing keys', async () => {
    const account = client.api.v2010.accounts(server.accountSid)
    const { sid, secret } = await account.newSigningKeys.create({ friendlyName: 'Signs' })
    assert.ok((await services(connect(sid, secret))).length > 0)
    assert.equal((await account.signingKeys(sid).fetch()).friendlyName, 'Signs')
    assert.equal((await account.signingKeys(sid).update({ friendlyName: 'Signed' })).friendlyName, 'Signed')
    assert.ok((await account.signingKeys.list()).some((key) => key.sid === sid))
    assert.equal(await account.signingKeys(sid).remove(), true)
    await assert.rejects(account.signingKeys(sid).fetch(), refusal(404, 20404))
  })

  test('a restricted key of IAM starts and checks, and does nothing else', async () => {
    const policy = {
      allow: ['/twilio/verify/verifications/create', '/twilio/verify/verification-checks/create'],
    }
    const made = await client.iam.v1.newApiKey.create({
      accountSid: server.accountSid,
      friendlyName: 'Front desk',
      keyType: 'restricted',
      policy,
    })
    assert.deepEqual(made.policy, policy)
    const desk = connect(made.sid, made.secret)
    const service = desk.verify.v2.services(server.serviceSid)
    const to = freshNumber()
    assert.equal((await service.verifications.create({ to, channel: 'sms' })).status, 'pending')
    const code = await server.lastCode(to)
    assert.equal((await service.verificationChecks.create({ to, code })).status, 'approved')
    await assert.rejects(service.fetch(), refusal(403, 70051))
    await assert.rejects(services(desk), refusal(403, 70051))
    await assert.rejects(desk.iam.v1.apiKey(made.sid).fetch(), refusal(403, 70051))

    const wider = { allow: [...policy.allow, '/twilio/verify/services/read'] }
    assert.deepEqual((await client.iam.v1.apiKey(made.sid).update({ policy: wider })).policy, wider)
    assert.equal((await service.fetch()).sid, server.serviceSid)
    assert.deepEqual((await client.iam.v1.apiKey(made.sid).fetch()).policy, wider)
    const listed = await client.iam.v1.getApiKeys.list({ accountSid: server.accountSid, pageSize: 1 })
    assert.ok(listed.some(({ sid, flags }) => sid === made.sid && flags.includes('rest_api')))
    assert.equal(await client.iam.v1.apiKey(made.sid).remove(), true)
    await assert.rejects(service.fetch(), refusal(401, 20003))
  })

  test('without a type IAM makes a standard key', async () => {
    const { accountSid } = server
    const { sid, secret, policy } = await client.iam.v1.newApiKey.create({ accountSid })
    assert.equal(policy, null)
    assert.ok((await services(connect(sid, secret))).length > 0)
  })

  test('tokens: create, use both, promote, and the old one is refused', async () => {
    const { sid, authToken } = await client.api.v2010.accounts.create({ friendlyName: 'Rotates' })
    const old = connect(sid, authToken, sid)
    const { secondaryAuthToken } = await old.accounts.v1.secondaryAuthToken().create()
    const fresh = connect(sid, secondaryAuthToken, sid)
    assert.deepEqual([await services(old), await services(fresh)], [[], []])
    const promoted = await fresh.accounts.v1.authTokenPromotion().update()
    assert.deepEqual([promoted.accountSid, promoted.authToken], [sid, secondaryAuthToken])
    await assert.rejects(services(old), refusal(401, 20003))
    assert.deepEqual(await services(fresh), [])

    const another = await fresh.accounts.v1.secondaryAuthToken().create()
    assert.equal(await fresh.accounts.v1.secondaryAuthToken().remove(), true)
    await assert.rejects(services(connect(sid, another.secondaryAuthToken, sid)), refusal(401, 20003))
    await assert.rejects(fresh.accounts.v1.authTokenPromotion().update(), refusal(404, 20404))
  })
})
