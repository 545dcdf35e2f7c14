import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount, callerIds, verifyNumber } from '../../../test/support/account.ts'
import { type FakeClock, fakeClock } from '../../../test/support/clock.ts'
import { basic, freshNumber, type TestServer, testServer } from '../../../test/support/server.ts'

const CONFIRM = '/v1/CallerIdConfirmations'
const other = (code: string) => (code === '000000' ? '111111' : '000000')

describe('outgoing caller ids', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
    // The first account is the oldest.
    await clock.advance('1s')
  })
  after(() => server.close())

  test('a number is called, and is a caller id once its code is told back', async () => {
    const PhoneNumber = freshNumber()
    const { sid: accountSid, authorization } = await addAccount(server.ctx)
    const path = callerIds(server, accountSid)
    const asked = await server.post(path, { PhoneNumber, FriendlyName: 'Front desk' }, authorization)
    assert.equal(asked.status, 200)
    const { call_sid, ...rest } = asked.body
    assert.match(call_sid, /^CA[0-9a-f]{32}$/)
    assert.deepEqual(rest, {
      account_sid: accountSid,
      friendly_name: 'Front desk',
      phone_number: PhoneNumber,
      validation_code: null,
    })
    assert.deepEqual((await server.get(path, authorization)).body.outgoing_caller_ids, [])

    const code = await server.lastCode(PhoneNumber)
    const inbox = (await server.get(`/inbox/messages?To=${encodeURIComponent(PhoneNumber)}`)).body
    assert.equal(inbox.messages[0].channel, 'call')
    const confirmed = await server.post(CONFIRM, { PhoneNumber, Code: code }, authorization)
    assert.equal(confirmed.status, 201)
    const { sid, date_created, date_updated, ...shown } = confirmed.body
    assert.equal(date_created, date_updated)
    assert.match(date_created, / \+0000$/)
    assert.deepEqual(shown, {
      account_sid: accountSid,
      friendly_name: 'Front desk',
      phone_number: PhoneNumber,
      uri: `/2010-04-01/Accounts/${accountSid}/OutgoingCallerIds/${sid}.json`,
    })
    assert.deepEqual((await server.get(shown.uri, authorization)).body, confirmed.body)
    assert.equal((await server.post(CONFIRM, { PhoneNumber, Code: code }, authorization)).status, 404)
  })

  test('its name is that of the country, unless one is given; a new one is taken', async () => {
    const PhoneNumber = freshNumber()
    const { friendly_name, uri } = await verifyNumber(server, PhoneNumber)
    assert.equal(friendly_name, `(415) ${PhoneNumber.slice(5, 8)}-${PhoneNumber.slice(8)}`)
    const renamed = await server.post(uri, { FriendlyName: 'Shop' })
    assert.deepEqual([renamed.status, renamed.body.friendly_name], [200, 'Shop'])
  })

  test('a list has filters', async () => {
    const account = await addAccount(server.ctx)
    const [one, two] = [freshNumber(), freshNumber()]
    const first = await verifyNumber(server, one, account)
    await clock.advance('1s')
    const second = await verifyNumber(server, two, account)
    await server.post(second.uri, { FriendlyName: 'Second' }, account.authorization)
    const list = async (query = '') => {
      const { body } = await server.get(callerIds(server, account.sid) + query, account.authorization)
      return body.outgoing_caller_ids.map(({ sid }: { sid: string }) => sid)
    }
    assert.deepEqual(await list(), [second.sid, first.sid])
    assert.deepEqual(await list(`?PhoneNumber=${encodeURIComponent(one)}`), [first.sid])
    assert.deepEqual(await list('?FriendlyName=Second'), [second.sid])
    assert.deepEqual(await list(`?FriendlyName=Second&PhoneNumber=${encodeURIComponent(one)}`), [])
  })

  test('deleted it is gone, and may be asked for again', async () => {
    const PhoneNumber = freshNumber()
    const { uri } = await verifyNumber(server, PhoneNumber)
    assert.equal((await server.post(callerIds(server), { PhoneNumber })).body.code, 21210)
    assert.equal((await server.del(uri)).status, 204)
    assert.equal((await server.get(uri)).status, 404)
    assert.equal((await server.del(uri)).status, 404)
    await clock.advance('1s')
    assert.equal((await verifyNumber(server, PhoneNumber)).phone_number, PhoneNumber)
  })

  test('a wrong code proves nothing, and five are all', async () => {
    const PhoneNumber = freshNumber()
    await server.post(callerIds(server), { PhoneNumber })
    const code = await server.lastCode(PhoneNumber)
    const confirm = (Code: string) => server.post(CONFIRM, { PhoneNumber, Code })
    for (let n = 0; n < 5; n++) {
      assert.equal((await confirm(other(code))).body.message, 'Invalid parameter: Code')
    }
    assert.equal((await confirm(code)).body.code, 60202)
  })

  test('after the life of its code nothing waits any more', async () => {
    const PhoneNumber = freshNumber()
    await server.post(callerIds(server), { PhoneNumber })
    const code = await server.lastCode(PhoneNumber)
    await clock.advance('10m')
    const { body } = await server.post(CONFIRM, { PhoneNumber, Code: code })
    assert.deepEqual(
      [body.status, body.message],
      [404, 'The requested resource /CallerIdConfirmations was not found'],
    )
  })

  test('a code that another account asked for is of no use', async () => {
    const PhoneNumber = freshNumber()
    const { authorization } = await addAccount(server.ctx)
    await server.post(callerIds(server), { PhoneNumber })
    const code = await server.lastCode(PhoneNumber)
    assert.equal((await server.post(CONFIRM, { PhoneNumber, Code: code }, authorization)).status, 404)
    assert.equal((await server.post(CONFIRM, { PhoneNumber, Code: code })).status, 201)
  })

  test('what cannot be done is refused, not ignored', async () => {
    const PhoneNumber = freshNumber()
    for (const [form, code] of [
      [{ PhoneNumber: '+1' }, 60200],
      [{ PhoneNumber, CallDelay: 5 }, 60204],
      [{ PhoneNumber, StatusCallback: 'https://example.com' }, 60204],
      [{ PhoneNumber, Extension: 'abc' }, 60200],
    ] as const) {
      assert.equal((await server.post(callerIds(server), form)).body.code, code, JSON.stringify(form))
    }
  })

  test('ten an hour are all that an account may ask for', async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    const ask = () => server.post(callerIds(server, sid), { PhoneNumber: freshNumber() }, authorization)
    for (let n = 0; n < 10; n++) assert.equal((await ask()).status, 200)
    const { status, body, headers } = await ask()
    assert.deepEqual([status, body.code, headers['retry-after']], [429, 20429, '3600'])
    await clock.advance('1h')
    assert.equal((await ask()).status, 200)
  })

  test('subaccounts are no more requests', async () => {
    const parent = await addAccount(server.ctx)
    const ask = ({ sid, authorization }: typeof parent) =>
      server.post(callerIds(server, sid), { PhoneNumber: freshNumber() }, authorization)
    for (let n = 0; n < 10; n++) {
      const below = await addAccount(server.ctx, 'active', 'Full', parent.sid)
      assert.equal((await ask(below)).status, 200)
    }
    assert.equal((await ask(await addAccount(server.ctx, 'active', 'Full', parent.sid))).status, 429)
    assert.equal((await ask(parent)).status, 429)
    await clock.advance('1h')
  })

  test('two hundred an hour are all that trial accounts may ask for together; it limits no full one', async () => {
    const ask = async (kind: 'Trial' | 'Full') => {
      const { sid, authorization } = await addAccount(server.ctx, 'active', kind)
      return (await server.post(callerIds(server, sid), { PhoneNumber: freshNumber() }, authorization)).status
    }
    for (let n = 0; n < 200; n++) assert.equal(await ask('Trial'), 200)
    assert.deepEqual([await ask('Trial'), await ask('Full')], [429, 200])
    await clock.advance('1h')
  })

  test("one account's guesses and sends are not those of another, for the same number", async () => {
    const PhoneNumber = freshNumber()
    const [attacker, victim] = [await addAccount(server.ctx), await addAccount(server.ctx)]
    const ask = ({ sid, authorization }: typeof victim) =>
      server.post(callerIds(server, sid), { PhoneNumber }, authorization)
    await ask(attacker)
    const code = await server.lastCode(PhoneNumber)
    for (let n = 0; n < 5; n++)
      await server.post(CONFIRM, { PhoneNumber, Code: other(code) }, attacker.authorization)
    assert.equal((await ask(attacker)).body.code, 60202)
    await clock.advance('1s')
    assert.equal((await ask(victim)).status, 200)
    const form = { PhoneNumber, Code: await server.lastCode(PhoneNumber) }
    assert.equal((await server.post(CONFIRM, form, victim.authorization)).status, 201)
  })

  test('a number gets twenty an hour, from all accounts; no one account can use these up', async () => {
    const PhoneNumber = freshNumber()
    const ask = async () => {
      const { sid, authorization } = await addAccount(server.ctx)
      return (await server.post(callerIds(server, sid), { PhoneNumber }, authorization)).status
    }
    for (let n = 0; n < 20; n++) assert.equal(await ask(), 200)
    assert.equal(await ask(), 429)
    await clock.advance('1h')
    assert.equal(await ask(), 200)
  })

  test('a parent sees those of its subaccounts, and nobody else does', async () => {
    const sub = (await server.post('/2010-04-01/Accounts.json', { FriendlyName: 'Below' })).body
    const account = { sid: sub.sid, authorization: basic(sub.sid, sub.auth_token) }
    const { sid, uri } = await verifyNumber(server, freshNumber(), account)
    assert.equal((await server.get(uri)).body.sid, sid)
    const { authorization } = await addAccount(server.ctx)
    assert.equal((await server.get(uri, authorization)).status, 404)
  })

  test('the messages bear the name that the operator gave to Countersign, and no service of it is left behind', async () => {
    const own = async () =>
      (await server.get('/v2/Services?PageSize=1000')).body.services.filter(
        ({ friendly_name }: { friendly_name: string }) => /Countersign|Acme/.test(friendly_name),
      )
    const [service, ...more] = await own()
    assert.deepEqual(more, [])
    await server.post(`/v2/Services/${service.sid}`, { FriendlyName: 'Acme' })
    const PhoneNumber = freshNumber()
    await server.post(callerIds(server), { PhoneNumber })
    await server.lastCode(PhoneNumber)
    const inbox = (await server.get(`/inbox/messages?To=${encodeURIComponent(PhoneNumber)}`)).body
    assert.match(inbox.messages[0].body, /Acme/)
    // Deleted, it is made anew.
    await server.del(`/v2/Services/${service.sid}`)
    await verifyNumber(server, freshNumber())
    assert.equal((await own()).length, 1)
  })
})
