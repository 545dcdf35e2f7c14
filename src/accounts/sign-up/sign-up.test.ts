import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { callerIds } from '../../../test/support/account.ts'
import { type FakeClock, fakeClock } from '../../../test/support/clock.ts'
import {
  basic,
  encodeForm,
  type Form,
  freshNumber,
  type TestServer,
  testServer,
} from '../../../test/support/server.ts'

let mailboxes = 0
const freshMailbox = () => `ann${mailboxes++}@example.com`
let addresses = 0
const freshAddress = () => `192.0.2.${addresses++}`
const other = (code: string) => (code === '000000' ? '111111' : '000000')

describe('sign-up', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock, env: { COUNTERSIGN_SIGN_UP: 'true' } })
    // The first account is the oldest.
    await clock.advance('1s')
  })
  after(() => server.close())

  /** Asks without credentials. */
  const post = async (url: string, form: Form, remoteAddress = freshAddress()) => {
    const headers = { host: 'localhost:8080', 'content-type': 'application/x-www-form-urlencoded' }
    const payload = encodeForm(form)
    const reply = await server.app.inject({ method: 'POST', url, headers, payload, remoteAddress })
    return { status: reply.statusCode, body: reply.json(), headers: reply.headers }
  }
  const complete = (form: Form) => post('/sign-up/complete', form)
  const begin = async (Email = freshMailbox(), PhoneNumber = freshNumber()) => {
    // Messages to one mailbox are told apart by their time.
    await clock.advance('1s')
    const { status, body } = await post('/sign-up', { Email, PhoneNumber })
    assert.equal(status, 201)
    const [EmailCode, PhoneCode] = [await server.lastCode(Email), await server.lastCode(PhoneNumber)]
    return { Email, PhoneNumber, Sid: body.sid as string, EmailCode, PhoneCode, body }
  }

  test('opens a trial account for who has the mailbox and the number', async () => {
    const { Email, PhoneNumber, Sid, EmailCode, PhoneCode, body } = await begin()
    assert.deepEqual(Object.keys(body).sort(), ['date_expires', 'sid'])
    assert.match(Sid, /^SR[0-9a-f]{32}$/)
    const { status, body: opened } = await complete({ Sid, EmailCode, PhoneCode })
    assert.equal(status, 201)
    assert.deepEqual(Object.keys(opened).sort(), ['account_sid', 'auth_token', 'date_created', 'type'])
    assert.equal(opened.type, 'Trial')

    const own = basic(opened.account_sid, opened.auth_token)
    const account = (await server.get(`/2010-04-01/Accounts/${opened.account_sid}.json`, own)).body
    assert.deepEqual(
      [account.type, account.friendly_name, account.owner_account_sid],
      ['Trial', Email, account.sid],
    )
    const ids = (await server.get(callerIds(server, account.sid), own)).body.outgoing_caller_ids
    assert.deepEqual(
      ids.map((id: Record<string, string>) => id.phone_number),
      [PhoneNumber],
    )
    const service = (await server.post('/v2/Services', { FriendlyName: 'Mine' }, own)).body.sid
    const start = async (To: string, Channel: string) =>
      (await server.post(`/v2/Services/${service}/Verifications`, { To, Channel }, own)).status
    assert.deepEqual([await start(PhoneNumber, 'sms'), await start(Email, 'email')], [201, 201])
    assert.deepEqual([await start(freshNumber(), 'sms'), await start(freshMailbox(), 'email')], [403, 403])
    // It is nobody's subaccount, nor the operator's to see.
    assert.equal((await server.get(`/2010-04-01/Accounts/${account.sid}.json`)).status, 404)
    assert.equal((await complete({ Sid, EmailCode, PhoneCode })).status, 404)
  })

  test('with one code right and one wrong there is no account; the right one need not be told again', async () => {
    const { Sid, EmailCode, PhoneCode } = await begin()
    const wrongPhone = await complete({ Sid, EmailCode, PhoneCode: other(PhoneCode) })
    assert.deepEqual([wrongPhone.status, wrongPhone.body.message], [400, 'Invalid parameter: PhoneCode'])
    assert.equal((await complete({ Sid })).body.message, 'Invalid parameter: PhoneCode')
    assert.equal((await complete({ Sid, PhoneCode })).status, 201)

    const second = await begin()
    const wrongEmail = await complete({
      Sid: second.Sid,
      EmailCode: other(second.EmailCode),
      PhoneCode: second.PhoneCode,
    })
    assert.equal(wrongEmail.body.message, 'Invalid parameter: EmailCode')
    assert.equal((await complete(second)).status, 201)
  })

  test('five guesses are all', async () => {
    const { Sid, EmailCode, PhoneCode } = await begin()
    for (let n = 0; n < 5; n++) {
      assert.equal((await complete({ Sid, EmailCode: other(EmailCode), PhoneCode })).status, 400)
    }
    assert.equal((await complete({ Sid, EmailCode, PhoneCode })).body.code, 60202)
  })

  test('what somebody else proves of a number or mailbox is not proved for others', async () => {
    const victim = await begin()
    const attacker = await begin(freshMailbox(), victim.PhoneNumber)
    await complete({ Sid: attacker.Sid, EmailCode: attacker.EmailCode })
    assert.equal((await complete(victim)).status, 201)
    const { body } = await complete({ Sid: attacker.Sid, PhoneCode: victim.PhoneCode })
    assert.equal(body.message, 'Invalid parameter: PhoneCode')
  })

  test('who wastes the guesses of a number or mailbox wastes his own only', async () => {
    const attacker = await begin()
    for (let n = 0; n < 5; n++) await complete({ Sid: attacker.Sid, EmailCode: other(attacker.EmailCode) })
    const victim = await begin(attacker.Email, attacker.PhoneNumber)
    assert.equal((await complete(victim)).status, 201)
  })

  test('a mailbox and a number have one account; asked, the server does not tell', async () => {
    const first = await begin()
    assert.equal((await complete(first)).status, 201)
    for (const [email, phone] of [
      [first.Email.toUpperCase(), freshNumber()],
      [freshMailbox(), first.PhoneNumber],
    ]) {
      const again = await begin(email, phone)
      assert.deepEqual(Object.keys(again.body), Object.keys(first.body))
      const { status, body } = await complete(again)
      assert.deepEqual([status, body.code], [409, 20409])
    }
  })

  test('two that complete at once open one account', async () => {
    const request = await begin()
    const answers = await Promise.all([complete(request), complete(request), complete(request)])
    assert.equal(answers.filter(({ status }) => status === 201).length, 1)
  })

  test('after the life of the codes it is over', async () => {
    const request = await begin()
    await clock.advance('10m')
    const { status, body } = await complete(request)
    assert.deepEqual([status, body.message], [404, 'The requested resource /sign-up/complete was not found'])
    assert.equal((await complete({ ...request, Sid: 'x' })).status, 404)
    assert.equal((await complete({ ...request, Sid: `SR${'0'.repeat(32)}` })).status, 404)
  })

  test('what is no mailbox or number is refused', async () => {
    for (const [form, name] of [
      [{ Email: 'ann', PhoneNumber: freshNumber() }, 'Email'],
      [{ Email: freshMailbox(), PhoneNumber: '+1' }, 'PhoneNumber'],
      [{ Email: freshMailbox() }, 'PhoneNumber'],
      [{ PhoneNumber: freshNumber() }, 'Email'],
    ] as const) {
      assert.equal((await post('/sign-up', form)).body.message, `Invalid parameter: ${name}`)
    }
  })

  test('ten an hour from one address are all', async () => {
    const ask = (address: string) =>
      post('/sign-up', { Email: freshMailbox(), PhoneNumber: freshNumber() }, address)
    for (let n = 0; n < 10; n++) assert.equal((await ask('198.51.100.1')).status, 201)
    const { status, body, headers } = await ask('198.51.100.1')
    assert.deepEqual([status, body.code, headers['retry-after']], [429, 20429, '3600'])
    assert.equal((await ask('198.51.100.2')).status, 201)
  })

  test('another method is not allowed, other paths ask for credentials', async () => {
    const reply = await server.app.inject({ method: 'GET', url: '/sign-up' })
    assert.equal(reply.statusCode, 405)
    assert.equal((await post('/sign-up/else', {})).status, 401)
  })

  test('neither codes, tokens nor recipients are logged or told in events', async () => {
    const request = await begin()
    const { account_sid, auth_token } = (await complete(request)).body
    const own = basic(account_sid, auth_token)
    await server.post(`/2010-04-01/Accounts/${account_sid}.json`, { FriendlyName: 'Ann' }, own)
    const events = (await server.get('/v1/Events', own)).body.events
    assert.deepEqual(events.map((event: Record<string, string>) => event.event_type).sort(), [
      'account.created',
      'account.updated',
      'outgoing-caller-id.created',
    ])
    const told = [...server.logged, JSON.stringify(events)].join('\n')
    const { Email, PhoneNumber, EmailCode, PhoneCode } = request
    for (const secret of [auth_token, `"${EmailCode}"`, `"${PhoneCode}"`, Email, PhoneNumber])
      assert.ok(!told.includes(secret), secret)
  })
})

test('without a channel for mails nothing is sent at all', async () => {
  const env = { COUNTERSIGN_SIGN_UP: 'true' }
  const server = await testServer({ env, file: 'channels:\n  sms: [inbox]\n' })
  const { status, body } = await server.post('/sign-up', {
    Email: 'a@example.com',
    PhoneNumber: freshNumber(),
  })
  assert.deepEqual([status, body.code], [400, 60223])
  assert.deepEqual((await server.get('/inbox/messages')).body.messages, [])
  await server.close()
})

test('nobody signs up unless the operator lets them', async () => {
  const server = await testServer()
  const reply = await server.app.inject({ method: 'POST', url: '/sign-up', payload: 'Email=a@example.com' })
  assert.equal(reply.statusCode, 401)
  assert.equal((await server.post('/sign-up', { Email: 'a@example.com' })).status, 404)
  await server.close()
})
