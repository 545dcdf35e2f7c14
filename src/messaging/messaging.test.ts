import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import twilio from 'twilio'
import { addAccount, verifyNumber } from '../../test/support/account.ts'
import {
  accepted,
  busy,
  type Carrier,
  carrier,
  rejected,
  unknown,
  until,
} from '../../test/support/carrier.ts'
import { type FakeClock, fakeClock } from '../../test/support/clock.ts'
import { type Receiver, startReceiver } from '../../test/support/receiver.ts'
import { type Form, freshNumber, type TestServer, testServer } from '../../test/support/server.ts'
import { Circuit } from '../delivery/choose.ts'
import { recordReceipt } from '../delivery/receipts.ts'
import { receiveMessage } from './inbound/receive.ts'
import { makeMessage } from './messages/message.ts'
import { insertMessage, settleMessage } from './messages/store.ts'
import { openMessaging } from './messaging.ts'

const accountOf = (server: TestServer) => `/2010-04-01/Accounts/${server.accountSid}`

/** What the queues have been given is done; then the callbacks of that are. */
async function settle(server: TestServer, clock: FakeClock): Promise<void> {
  await server.ctx.messaging.drained()
  await clock.advance('1s')
  await server.ctx.webhooks.drained()
  await server.ctx.messaging.drained()
}

/** Has messages carried by these, as another node would. */
async function carryBy(server: TestServer, ...carriers: Carrier[]): Promise<void> {
  await server.ctx.messaging.close()
  const routes = carriers.map((provider) => ({ provider, circuit: new Circuit(server.ctx.clock) }))
  server.ctx.messaging = openMessaging(server.ctx, routes)
  await server.ctx.messaging.start()
}

describe('messages', () => {
  const clock = fakeClock()
  let server: TestServer
  let receiver: Receiver
  before(async () => {
    server = await testServer({ clock })
    receiver = await startReceiver()
    server.ctx.webhooks.start()
    await server.ctx.messaging.start()
  })
  beforeEach(() => {
    receiver.received.length = 0
    receiver.answer = { status: 200 }
  })
  after(async () => {
    await server.close()
    await receiver.close()
  })

  const send = (form: Form = {}) =>
    server.post(`${accountOf(server)}/Messages.json`, {
      To: freshNumber(),
      From: '+15017122661',
      Body: 'Hello',
      ...form,
    })
  const fetch = async (sid: string) => (await server.get(`${accountOf(server)}/Messages/${sid}.json`)).body

  test('one is queued, then delivered to the inbox, and its callbacks are signed', async () => {
    await carryByInbox()
    const To = freshNumber()
    const { status, body } = await send({ To, StatusCallback: `${receiver.url}/status?a=b` })
    assert.equal(status, 201)
    assert.deepEqual(
      [body.status, body.direction, body.body, body.num_segments, body.price, body.date_sent],
      ['queued', 'outbound-api', 'Hello', '1', null, null],
    )
    await settle(server, clock)
    const delivered = await fetch(body.sid)
    assert.deepEqual([delivered.status, delivered.price, delivered.price_unit], ['delivered', '0', 'USD'])
    assert.ok(delivered.date_sent)
    const inbox = await server.get(`/inbox/messages?To=${encodeURIComponent(To)}`)
    const [shown] = inbox.body.messages
    assert.deepEqual(
      [shown.body, shown.from, shown.code, shown.verification_sid],
      ['Hello', '+15017122661', null, null],
    )
    const statuses = receiver.received.map((call) => {
      const form = Object.fromEntries(new URLSearchParams(call.body))
      const signature = String(call.headers['x-twilio-signature'])
      assert.ok(twilio.validateRequest(server.authToken, signature, `${receiver.url}/status?a=b`, form))
      assert.deepEqual([form.MessageSid, form.To, form.ApiVersion], [body.sid, To, '2010-04-01'])
      return form.MessageStatus
    })
    assert.deepEqual(statuses.sort(), ['delivered', 'sent'])
  })

  async function carryByInbox(): Promise<void> {
    await server.ctx.messaging.close()
    const route = { provider: server.ctx.inbox, circuit: new Circuit(clock) }
    server.ctx.messaging = openMessaging(server.ctx, [route])
    await server.ctx.messaging.start()
  }

  test('the next carrier takes what the first does not, and a receipt says what became of it', async () => {
    const [away, takes] = [carrier('away', () => busy()), carrier('takes')]
    await carryBy(server, away, takes)
    const { body } = await send({ Body: 'Grüße 👋', StatusCallback: receiver.url })
    await settle(server, clock)
    assert.deepEqual(
      [away.sent.length, takes.sent[0]?.from, takes.sent[0]?.body],
      [1, '+15017122661', 'Grüße 👋'],
    )
    assert.equal((await fetch(body.sid)).status, 'sent')
    const receipt = { providerId: 'takes', messageId: 'takes-1' } as const
    await recordReceipt(server.ctx, { ...receipt, state: 'undelivered' })
    await recordReceipt(server.ctx, { ...receipt, state: 'sent' })
    const undelivered = await fetch(body.sid)
    assert.deepEqual(
      [undelivered.status, undelivered.error_code, undelivered.error_message],
      ['undelivered', 30008, 'Unknown error'],
    )
    await settle(server, clock)
    const last = new URLSearchParams(receiver.received.at(-1)?.body)
    assert.deepEqual([last.get('MessageStatus'), last.get('ErrorCode')], ['undelivered', '30008'])
  })

  test('a receipt that comes before the answer is waited for', async () => {
    const early = carrier('early', async (message) => {
      await recordReceipt(server.ctx, { providerId: 'early', messageId: message.sid, state: 'delivered' })
      return { outcome: 'accepted', messageId: message.sid }
    })
    await carryBy(server, early)
    const { body } = await send()
    await settle(server, clock)
    assert.equal((await fetch(body.sid)).status, 'delivered')
  })

  test('what nobody takes is tried again until its time is over; a bad number fails at once', async () => {
    await carryBy(
      server,
      carrier('away', () => busy()),
    )
    const { body } = await send({ ValidityPeriod: 60 })
    await settle(server, clock)
    assert.equal((await fetch(body.sid)).status, 'queued')
    for (let n = 0; n < 90; n++) await settle(server, clock)
    const failed = await fetch(body.sid)
    assert.deepEqual([failed.status, failed.error_code], ['failed', 30036])

    await carryBy(
      server,
      carrier('says-no', () => rejected('bad_number')),
    )
    const refused = (await send()).body
    await settle(server, clock)
    const { status, error_code } = await fetch(refused.sid)
    assert.deepEqual([status, error_code], ['failed', 30005])
  })

  test('what was handed over by a node that died goes again', async () => {
    const hangs = carrier('hangs', () => new Promise(() => {}))
    await server.ctx.messaging.close()
    const nowMs = clock.now()
    const stalled = { ...server.ctx, clock: { now: () => nowMs, after: () => () => {} } }
    server.ctx.messaging = openMessaging(stalled, [{ provider: hangs, circuit: new Circuit(clock) }])
    const { body } = await send()
    await until(() => hangs.sent.length > 0)
    const takes = carrier('takes')
    server.ctx.messaging = openMessaging(server.ctx, [{ provider: takes, circuit: new Circuit(clock) }])
    await clock.advance('16s')
    await server.ctx.messaging.start()
    await settle(server, clock)
    assert.deepEqual([takes.sent.map(({ sid }) => sid), (await fetch(body.sid)).status], [[body.sid], 'sent'])
  })

  test('one account’s many hold up no other’s', async () => {
    await server.ctx.messaging.close()
    const { storage } = server.ctx
    const other = await addAccount(server.ctx)
    const draft = (accountSid: string, n: number) =>
      makeMessage(server.ctx, {
        accountSid,
        direction: 'outbound-api',
        from: '+15017122661',
        to: freshNumber(),
        text: 'Hello',
        status: 'queued',
        callback: null,
        dueAtMs: clock.now() + n,
        lifeMs: 60_000,
      })
    const mine = Array.from({ length: 300 }, (_, n) => draft(server.accountSid, n))
    const theirs = [500, 501].map((n) => draft(other.sid, n))
    await storage.write(async (tx) => {
      for (const message of [...mine, ...theirs]) await insertMessage(tx, message)
    })
    await clock.advance('1s')
    const ends: (() => void)[] = []
    const slow = carrier('slow', async ({ sid }) => {
      await new Promise<void>((resolve) => ends.push(resolve))
      return accepted(`slow-${sid}`)
    })
    await carryBy(server, slow)
    await clock.advance('1s')
    await until(() => slow.sent.length >= 34)
    const sent = (accountSid: string) => slow.sent.filter((message) => message.accountSid === accountSid)
    assert.deepEqual([sent(server.accountSid).length, sent(other.sid).length], [32, 2])
    for (const message of mine) await storage.system.write((tx) => settleMessage(tx, message))
    const closed = server.ctx.messaging.close()
    for (const end of ends) end()
    await closed
  })

  test('one that waits can be canceled, one that may have gone cannot', async () => {
    await carryBy(
      server,
      carrier('away', () => busy(60_000)),
    )
    const waits = (await send()).body
    await settle(server, clock)
    const path = `${accountOf(server)}/Messages/${waits.sid}.json`
    assert.equal((await server.del(path)).body.code, 20009)
    const canceled = (await server.post(path, { Status: 'canceled' })).body
    assert.equal(canceled.status, 'canceled')
    assert.equal((await server.post(path, { Status: 'canceled' })).body.code, 20009)
    const redacted = (await server.post(path, { Body: '' })).body
    assert.equal(redacted.body, '')
    assert.equal((await server.post(path, { Body: 'Other' })).body.code, 60200)
    assert.equal((await server.del(path)).status, 204)
    assert.equal((await server.get(path)).status, 404)

    await carryBy(
      server,
      carrier('lost', () => unknown),
    )
    const gone = (await send()).body
    await settle(server, clock)
    const perhaps = await server.post(`${accountOf(server)}/Messages/${gone.sid}.json`, {
      Status: 'canceled',
    })
    assert.equal(perhaps.body.code, 20009)
  })

  test('what is not built is refused by name', async () => {
    for (const [name, value] of [
      ['MessagingServiceSid', `MG${'0'.repeat(32)}`],
      ['MediaUrl', 'https://example.com/cat.jpg'],
      ['SendAt', '2026-12-01T00:00:00Z'],
      ['ContentRetention', 'discard'],
    ] as const) {
      const { body } = await send({ [name]: value })
      assert.deepEqual([body.code, body.message.endsWith(name)], [60204, true])
    }
  })

  test('lists by recipient, sender and day, newest first', async () => {
    await carryByInbox()
    const [To, From] = [freshNumber(), freshNumber()]
    const sids: string[] = []
    for (const Body of ['one', 'two', 'three']) {
      sids.unshift((await send({ To, From, Body })).body.sid)
      await settle(server, clock)
    }
    const list = async (query: string) =>
      (await server.get(`${accountOf(server)}/Messages.json?${query}`)).body.messages.map(
        (message: { sid: string }) => message.sid,
      )
    const [to, from] = [encodeURIComponent(To), encodeURIComponent(From)]
    assert.deepEqual(await list(`To=${to}`), sids)
    assert.deepEqual(await list(`From=${from}&To=${to}`), sids)
    assert.deepEqual(await list(`To=${to}&DateSent=2026-11-20`), sids)
    assert.deepEqual(await list(`To=${to}&DateSent%3C=2026-11-19`), [])
    assert.deepEqual(await list(`To=${to}&DateSent%3E=2026-11-21`), [])
    const first = (await server.get(`${accountOf(server)}/Messages.json?To=${to}&PageSize=2`)).body
    const next = (await server.get(first.next_page_uri)).body
    assert.deepEqual(
      [...first.messages, ...next.messages].map(({ sid }: { sid: string }) => sid),
      sids,
    )
    assert.equal(next.next_page_uri, null)
  })

  test('a trial account writes to verified numbers only, and says what it is', async () => {
    await carryByInbox()
    const trial = await addAccount(server.ctx, 'active', 'Trial')
    const path = `/2010-04-01/Accounts/${trial.sid}/Messages.json`
    const To = freshNumber()
    const form = { To, From: '+15017122661', Body: 'Hello' }
    assert.equal((await server.post(path, form, trial.authorization)).body.code, 21608)
    await verifyNumber(server, To, trial)
    assert.equal((await server.post(path, form, trial.authorization)).body.body, 'Trial account\nHello')
  })

  test('what waits for a number that is no longer verified is not sent', async () => {
    await carryByInbox()
    const trial = await addAccount(server.ctx, 'active', 'Trial')
    const path = `/2010-04-01/Accounts/${trial.sid}/Messages.json`
    const To = freshNumber()
    const { uri } = await verifyNumber(server, To, trial)
    await carryBy(
      server,
      carrier('slow', () => busy()),
    )
    const form = { To, From: '+15017122661', Body: 'Hello' }
    const waiting = (await server.post(path, form, trial.authorization)).body
    await server.ctx.messaging.drained()
    assert.equal((await server.del(uri, trial.authorization)).status, 204)
    const sound = carrier('sound')
    await carryBy(server, sound)
    // After its back-off, which chance makes shorter or longer.
    for (let n = 0; n < 3; n++) await settle(server, clock)
    const { body } = await server.get(`${path.replace('.json', '')}/${waiting.sid}.json`, trial.authorization)
    assert.deepEqual([body.status, body.error_code, sound.sent.length], ['failed', 21608, 0])
  })

  test('they are used up as SMS', async () => {
    await carryByInbox()
    const records = `${accountOf(server)}/Usage/Records/AllTime.json?Category=sms`
    const count = async () => Number((await server.get(records)).body.usage_records[0].count)
    const earlier = await count()
    await send()
    await settle(server, clock)
    assert.equal(await count(), earlier + 1)
  })

  test('neither text nor whole recipients are logged', async () => {
    const To = freshNumber()
    await send({ To, Body: 'Secret-7261' })
    await settle(server, clock)
    const all = server.logged.join('\n')
    assert.ok(!all.includes('Secret-7261') && !all.includes(To))
  })
})

describe('numbers', () => {
  let server: TestServer
  before(async () => {
    server = await testServer({
      file: `channels:\n  sms: [inbox]\nnumbers:\n  +15017122661: inbox\n  "+15017122662": [inbox]\n`,
    })
  })
  after(() => server.close())
  const numbers = () => `${accountOf(server)}/IncomingPhoneNumbers.json`

  test('one that is listed is taken, found, changed and given back', async () => {
    const { status, body } = await server.post(numbers(), { PhoneNumber: '+1 (501) 712-2661' })
    assert.deepEqual(
      [status, body.phone_number, body.friendly_name, body.sms_url, body.capabilities.sms],
      [201, '+15017122661', '(501) 712-2661', '', true],
    )
    const found = await server.get(`${numbers()}?PhoneNumber=%2B15017122661`)
    assert.deepEqual(
      found.body.incoming_phone_numbers.map(({ sid }: { sid: string }) => sid),
      [body.sid],
    )
    const path = `${accountOf(server)}/IncomingPhoneNumbers/${body.sid}.json`
    const changed = await server.post(path, { SmsUrl: 'https://example.com/sms', SmsMethod: 'GET' })
    assert.deepEqual([changed.body.sms_url, changed.body.sms_method], ['https://example.com/sms', 'GET'])
    assert.equal((await server.post(path, { SmsUrl: '' })).body.sms_url, '')
    assert.equal((await server.post(path, { SmsUrl: 'http://10.0.0.1/' })).body.code, 21402)
    assert.equal((await server.post(path, { TrunkSid: `TK${'0'.repeat(32)}` })).body.code, 60204)

    const other = await addAccount(server.ctx)
    const theirs = `/2010-04-01/Accounts/${other.sid}/IncomingPhoneNumbers.json`
    const form = { PhoneNumber: '+15017122661' }
    assert.equal((await server.post(theirs, form, other.authorization)).body.code, 21422)
    assert.equal((await server.del(path)).status, 204)
    assert.equal((await server.post(theirs, form, other.authorization)).status, 201)
  })

  test('what changes is audited, without addresses', async () => {
    const { sid } = (
      await server.post(numbers(), { PhoneNumber: '+15017122662', SmsUrl: 'https://example.com/?key=1' })
    ).body
    const { body } = await server.get(`/v1/Events?ResourceSid=${sid}`)
    const [event] = body.events
    assert.equal(event.event_type, 'incoming-phone-number.created')
    assert.ok(!JSON.stringify(event).includes('example.com'))
  })

  test('messages go out from numbers of the account only', async () => {
    const send = (From: string) =>
      server.post(`${accountOf(server)}/Messages.json`, { To: freshNumber(), From, Body: 'Hi' })
    assert.equal((await send('+15017122662')).status, 201)
    assert.equal((await send('+15017122661')).body.code, 21606)
  })

  test('verified caller ids are another thing', async () => {
    const number = freshNumber()
    const { sid } = await verifyNumber(server, number)
    assert.equal((await server.get(`${accountOf(server)}/IncomingPhoneNumbers/${sid}.json`)).status, 404)
  })
})

describe('what people write', () => {
  const clock = fakeClock()
  let server: TestServer
  let receiver: Receiver
  let line: string
  let path: string
  before(async () => {
    server = await testServer({ clock })
    await server.ctx.messaging.start()
    receiver = await startReceiver()
    line = freshNumber()
    const form = { PhoneNumber: line }
    const { sid } = (await server.post(`${accountOf(server)}/IncomingPhoneNumbers`, form)).body
    path = `${accountOf(server)}/IncomingPhoneNumbers/${sid}`
  })
  beforeEach(async () => {
    receiver.received.length = 0
    const none = { SmsUrl: `${receiver.url}/sms`, SmsMethod: 'POST', SmsFallbackUrl: '' }
    await server.post(path, none)
  })
  after(async () => {
    await server.close()
    await receiver.close()
  })

  const answerWith = (body: string, type = 'text/xml') => {
    receiver.answer = { status: 200, headers: { 'content-type': type }, body }
  }
  const write = async (Body: string, From = freshNumber()) => {
    const { status, body } = await server.post('/inbox/messages', { From, To: line, Body })
    assert.equal(status, 201)
    await settle(server, clock)
    return { from: From, sid: body.sid, body }
  }
  /** What the person who wrote was answered, oldest first. */
  const answers = async (to: string) => {
    const { body } = await server.get(`/inbox/messages?To=${encodeURIComponent(to)}`)
    return body.messages.map((message: { body: string }) => message.body).reverse()
  }
  const alertsOf = async (sid: string) => {
    await server.ctx.alerts.flush({ all: true })
    const { body } = await server.get('/v1/Alerts')
    return body.alerts
      .filter((alert: { resource_sid: string }) => alert.resource_sid === sid)
      .map((alert: { error_code: string }) => alert.error_code)
  }

  test('calls the number’s address, signed, and is answered with its TwiML', async () => {
    answerWith(
      '<?xml version="1.0"?><Response><Message>You &amp; I</Message><Message><Body>Bye</Body></Message></Response>',
    )
    const { from, sid, body } = await write('Anybody there?')
    assert.deepEqual([body.direction, body.status, body.from, body.to], ['inbound', 'received', from, line])
    const [call, ...more] = receiver.received
    assert.deepEqual([call?.method, call?.url, more], ['POST', '/sms', []])
    const form = Object.fromEntries(new URLSearchParams(call?.body))
    const signature = String(call?.headers['x-twilio-signature'])
    assert.ok(twilio.validateRequest(server.authToken, signature, `${receiver.url}/sms`, form))
    assert.deepEqual(
      [
        form.MessageSid,
        form.SmsSid,
        form.AccountSid,
        form.From,
        form.To,
        form.Body,
        form.NumMedia,
        form.NumSegments,
      ],
      [sid, sid, server.accountSid, from, line, 'Anybody there?', '0', '1'],
    )
    assert.deepEqual((await answers(from)).sort(), ['Bye', 'You & I'])
    const { body: list } = await server.get(
      `${accountOf(server)}/Messages.json?To=${encodeURIComponent(from)}`,
    )
    assert.deepEqual(
      list.messages.map((message: { direction: string; from: string }) => [message.direction, message.from]),
      [
        ['outbound-reply', line],
        ['outbound-reply', line],
      ],
    )
  })

  test('by GET the parameters are in the address', async () => {
    await server.post(path, { SmsMethod: 'GET' })
    answerWith('Plainly', 'text/plain; charset=utf-8')
    const { from, sid } = await write('Hello')
    const [call] = receiver.received
    assert.ok(call?.method === 'GET' && call.url.includes(`MessageSid=${sid}`))
    assert.deepEqual(await answers(from), ['Plainly'])
  })

  test('an empty answer says nothing', async () => {
    receiver.answer = { status: 204 }
    const { from, sid } = await write('Hello')
    assert.deepEqual([await answers(from), await alertsOf(sid)], [[], []])
  })

  test('a reply can go to somebody else, with a callback of its own', async () => {
    const other = freshNumber()
    answerWith(`<Response><Message to="${other}" statusCallback="/told?x=1">News</Message></Response>`)
    server.ctx.webhooks.start()
    const { from } = await write('Hello')
    await settle(server, clock)
    assert.deepEqual([await answers(from), await answers(other)], [[], ['News']])
    const told = receiver.received.filter(({ url }) => url === '/told?x=1')
    assert.ok(told.some(({ body }) => new URLSearchParams(body).get('MessageStatus') === 'delivered'))
  })

  for (const [what, document, type, code] of [
    ['is not well-formed', '<Response><Message>Hi</Response>', 'text/xml', '12100'],
    ['is no response', '<html></html>', 'text/html', '12100'],
    [
      'has an entity of its own',
      '<!DOCTYPE x [<!ENTITY e "x">]><Response><Message>&e;</Message></Response>',
      'text/xml',
      '12100',
    ],
    ['is JSON', '{}', 'application/json', '12300'],
    ['has a verb of calls', '<Response><Say>Hi</Say></Response>', 'text/xml', '12200'],
  ] as const) {
    test(`an answer that ${what} is an alert ${code}, and no reply`, async () => {
      answerWith(document, type)
      const { from, sid } = await write('Hello')
      assert.deepEqual([await answers(from), await alertsOf(sid)], [[], [code]])
    })
  }

  test('the fallback is asked where the address fails, and told why', async () => {
    await server.post(path, { SmsUrl: await closedPort(), SmsFallbackUrl: `${receiver.url}/fallback` })
    answerWith('<Response><Message>From the fallback</Message></Response>')
    const { from, sid } = await write('Hello')
    const form = new URLSearchParams(receiver.received[0]?.body)
    assert.deepEqual([receiver.received[0]?.url, form.get('ErrorCode')], ['/fallback', '11200'])
    assert.deepEqual([await answers(from), await alertsOf(sid)], [['From the fallback'], ['11200']])
  })

  async function closedPort(): Promise<string> {
    const gone = await startReceiver()
    await gone.close()
    return gone.url
  }

  test('where nobody answers it is called again, three times in all; a status is an answer', async () => {
    const gone = await closedPort()
    await server.post(path, { SmsUrl: gone })
    const { sid } = await write('Hello')
    for (let n = 0; n < 40; n++) await settle(server, clock)
    assert.deepEqual(await alertsOf(sid), ['11200', '11200', '11200'])

    await server.post(path, { SmsUrl: receiver.url })
    receiver.answer = { status: 500 }
    const failed = await write('Hello')
    for (let n = 0; n < 20; n++) await settle(server, clock)
    assert.deepEqual([receiver.received.length, await alertsOf(failed.sid)], [1, ['11200']])
  })

  test('what a node that died had taken is answered by the next', async () => {
    receiver.answer = null
    const From = freshNumber()
    const route = { provider: server.ctx.inbox, circuit: new Circuit(clock) }
    await server.ctx.messaging.close()
    const nowMs = clock.now()
    const stalled = { ...server.ctx, clock: { now: () => nowMs, after: () => () => {} } }
    server.ctx.messaging = openMessaging(stalled, [route])
    await server.post('/inbox/messages', { From, To: line, Body: 'Hello' })
    await until(() => receiver.received.length > 0)
    server.ctx.messaging = openMessaging(server.ctx, [route])
    answerWith('<Response><Message>At last</Message></Response>')
    await clock.advance('91s')
    await server.ctx.messaging.start()
    for (let n = 0; n < 3; n++) await settle(server, clock)
    assert.deepEqual(await answers(From), ['At last'])
  })

  test('a redirect is followed, but not for ever', async () => {
    answerWith(
      '<Response><Message>Hop</Message><Redirect>/again</Redirect><Message>Never</Message></Response>',
    )
    const { from } = await write('Hello')
    assert.deepEqual(
      receiver.received.map(({ url }) => url),
      ['/sms', '/again', '/again', '/again', '/again'],
    )
    assert.deepEqual(await answers(from), ['Hop', 'Hop', 'Hop', 'Hop', 'Hop'])
  })

  test('parts are joined, in whatever order and however often they come', async () => {
    answerWith('<Response/>')
    const from = freshNumber()
    const part = (n: number, body: string) =>
      receiveMessage(server.ctx, {
        providerId: 'carrier',
        from,
        to: line,
        body,
        part: { reference: 9, total: 3, n },
      })
    await part(3, '\udc4b end')
    await part(1, 'start ')
    await part(1, 'start ')
    await server.ctx.messaging.drained()
    assert.equal(receiver.received.length, 0)
    await part(2, 'middle \ud83d')
    await server.ctx.messaging.drained()
    const bodies = receiver.received.map(({ body }) => new URLSearchParams(body).get('Body'))
    assert.deepEqual(bodies, ['start middle 👋 end'])
  })

  test('all parts at once make one message', async () => {
    answerWith('<Response/>')
    const from = freshNumber()
    const numbers = [1, 2, 3, 4, 5]
    await Promise.all(
      numbers.map((n) =>
        receiveMessage(server.ctx, {
          providerId: 'carrier',
          from,
          to: line,
          body: String(n),
          part: { reference: 1, total: numbers.length, n },
        }),
      ),
    )
    await server.ctx.messaging.drained()
    const bodies = receiver.received.map(({ body }) => new URLSearchParams(body).get('Body'))
    assert.deepEqual(bodies, ['12345'])
  })

  test('to a number that nobody has, or that calls nothing', async () => {
    await receiveMessage(server.ctx, { providerId: 'carrier', from: '+1', to: freshNumber(), body: 'Hi' })
    assert.ok(server.logged.some((line) => line.includes('message to nobody')))
    await server.post(path, { SmsUrl: '' })
    const { body, sid } = await write('Hello')
    assert.deepEqual([body.body, receiver.received.length, await alertsOf(sid)], ['Hello', 0, []])
    const strangers = { From: freshNumber(), To: freshNumber(), Body: 'Hi' }
    assert.equal((await server.post('/inbox/messages', strangers)).status, 404)
  })
})
