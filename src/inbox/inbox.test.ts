import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../test/support/account.ts'
import { type FakeClock, fakeClock } from '../../test/support/clock.ts'
import { basic, freshNumber, type TestServer, testServer } from '../../test/support/server.ts'
import { createApiKey } from '../accounts/administer.ts'
import { prune } from '../storage/retention.ts'

const messages = (to?: string, more = '') =>
  `/inbox/messages?${to === undefined ? '' : `To=${encodeURIComponent(to)}`}${more}`

interface Message {
  sid: string
  to: string
  channel: string
  body: string
  code: string
}

describe('the inbox', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  after(() => server.close())
  const read = async (path: string): Promise<Message[]> => (await server.get(path)).body.messages
  const start = async (to: string, form = {}) => {
    const { body } = await server.start(to, form)
    await server.ctx.delivery.drained()
    return body
  }

  test('a message is there as a phone would show it', async () => {
    const to = freshNumber()
    const { sid } = await start(to)
    const [message] = await read(messages(to))
    assert.deepEqual(message, {
      sid: message?.sid,
      channel: 'sms',
      to,
      from: null,
      subject: null,
      body: message?.body,
      code: message?.code,
      verification_sid: sid,
      date_created: '2026-11-20T12:00:00Z',
    })
    assert.match(message?.sid ?? '', /^IM[0-9a-f]{32}$/)
    assert.match(message?.code ?? '', /^\d{6}$/)
    assert.ok(message?.body.includes(message.code))
    assert.ok(message?.body.includes('Test'), 'the name of the service')
  })

  test('an e-mail has a subject and a sender', async () => {
    await start('Jo@Example.com', {
      Channel: 'email',
      ChannelConfiguration: JSON.stringify({ from: 'shop@example.com', from_name: 'Shop' }),
    })
    const [message] = (await server.get(messages('jo@example.com'))).body.messages
    assert.match(message.from, /shop@example\.com/)
    assert.ok(message.subject.length > 0)
    assert.ok(message.body.includes(message.code))
  })

  test('of a call the body is what is spoken: the digits one by one', async () => {
    const to = freshNumber()
    await start(to, { Channel: 'call' })
    const [message] = await read(messages(to))
    assert.equal(message?.channel, 'call')
    const { code = '', body = '' } = message ?? {}
    assert.ok(!body.includes(code))
    assert.match(body, new RegExp([...code].join('\\D+')))
  })

  test('newest first, of one recipient where one is named', async () => {
    const [one, two] = [freshNumber(), freshNumber()]
    for (const to of [one, two, one]) {
      await clock.advance('2s')
      await start(to)
    }
    const recipients = (list: Message[]) => list.map(({ to }) => to)
    assert.deepEqual(recipients(await read(messages(one))), [one, one])
    assert.deepEqual(recipients(await read(messages(two))), [two])
    assert.deepEqual(recipients((await read(messages())).slice(0, 3)), [one, two, one])
    const dates = (await server.get(messages())).body.messages.map(
      (m: { date_created: string }) => m.date_created,
    )
    assert.deepEqual(dates, dates.toSorted().toReversed())
  })

  test('a recipient is found however it is written', async () => {
    await start('+14155552671')
    await start('Ann.Lee@Example.com', { Channel: 'email' })
    for (const query of [
      'To=%2B14155552671',
      'To=%2B1%20415%20555%202671',
      'To=%2B1+(415)+555-2671',
      'To=+14155552671',
      'To=Ann.Lee@Example.com',
      'To=ann.lee%40EXAMPLE.COM',
    ]) {
      assert.equal((await read(`/inbox/messages?${query}`)).length, 1, query)
    }
    assert.deepEqual(await read('/inbox/messages?To=lee@example.com'), [])
    for (const to of ['14155552671', '+1415555267', '\0', 'x', '@']) {
      const { body } = await server.get(messages(to))
      assert.deepEqual([body.code, body.message], [60200, `Invalid parameter \`To\`: ${to}`])
    }
  })

  test('its pages lead on and back', async () => {
    const to = freshNumber()
    for (let n = 0; n < 5; n++) {
      await clock.advance('1s')
      await start(to)
    }
    const all = (await read(messages(to))).map(({ sid }) => sid)
    const follow = (url: string) => server.get(url.replace('http://localhost:8080', ''))
    const shown = ({ body }: { body: { messages: Message[] } }) => body.messages.map(({ sid }) => sid)
    const first = await server.get(messages(to, '&PageSize=2'))
    const second = await follow(first.body.meta.next_page_url)
    const third = await follow(second.body.meta.next_page_url)
    assert.deepEqual([...shown(first), ...shown(second), ...shown(third)], all)
    assert.equal(third.body.meta.next_page_url, null)
    assert.deepEqual(shown(await follow(third.body.meta.previous_page_url)), shown(second))
    assert.equal(first.body.meta.key, 'messages')
  })

  test('only its own account reads it', async () => {
    const to = freshNumber()
    await start(to)
    const { authorization } = await addAccount(server.ctx)
    assert.deepEqual((await server.get(messages(to), authorization)).body.messages, [])
    assert.deepEqual((await server.get(messages(), authorization)).body.messages, [])
    for (const wrong of ['', 'Basic x', 'Bearer x']) {
      const { body } = await server.get(messages(to), wrong)
      assert.deepEqual([body.status, body.code, body.messages], [401, 20003, undefined])
    }
  })

  test('nothing of a message can be read in the database', async () => {
    const to = freshNumber()
    await start(to)
    const [message] = await read(messages(to))
    const rows = await server.ctx.storage.system.read.all<Record<string, unknown>>`
      select * from inbox_message where sid = ${message?.sid ?? ''}`
    assert.equal(rows.length, 1)
    for (const value of Object.values(rows[0] ?? {})) {
      const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
      for (const secret of [to, to.slice(1), message?.code ?? '', 'Test'])
        assert.ok(!text.includes(secret), secret)
    }
  })

  test('waiting for what is there answers at once; for what never comes, not before its time', async () => {
    const to = freshNumber()
    await start(to)
    assert.equal((await read(messages(to, '&Wait=60'))).length, 1)
    const startMs = clock.now()
    let answeredAtMs = 0
    const waiting = server.get(messages(freshNumber(), '&Wait=3')).finally(() => {
      answeredAtMs = clock.now()
    })
    // Reading takes turns of the event loop, during which the clock must not stand still for ever.
    while (answeredAtMs === 0) await clock.advance('100ms')
    assert.ok(answeredAtMs - startMs >= 3_000)
    const { status, body } = await waiting
    assert.deepEqual([status, body.messages], [200, []])
  })

  for (const wait of ['-1', '61', '1.5', 'x']) {
    test(`Wait=${wait} is refused`, async () => {
      const { body } = await server.get(messages(freshNumber(), `&Wait=${wait}`))
      assert.deepEqual([body.code, body.message], [60200, 'Invalid parameter: Wait'])
    })
  }

  test('Wait without To is refused: there is no telling whose message it is about', async () => {
    const { body } = await server.get(messages(undefined, 'Wait=5'))
    assert.deepEqual([body.code, body.message], [60200, 'Invalid parameter: Wait'])
    assert.equal((await server.get(messages(undefined, 'Wait=0'))).status, 200)
  })

  test('an old message goes with its time', async () => {
    const to = freshNumber()
    await start(to)
    const nothing = { verificationsMs: 0, attemptsMs: 0, logsMs: 0 }
    await prune(server.ctx.storage, [0], { ...nothing, inboxMs: clock.now() })
    assert.equal((await read(messages(to))).length, 1)
    await prune(server.ctx.storage, [0], { ...nothing, inboxMs: clock.now() + 1 })
    assert.equal((await read(messages(to))).length, 0)
  })
})

describe('a long poll', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
  })
  after(() => server.close())

  test('it answers with the message that comes, each of several at once with its own', async () => {
    const recipients = [freshNumber(), freshNumber(), freshNumber()]
    const waiting = recipients.flatMap((to) => [
      server.get(messages(to, '&Wait=20')),
      server.get(messages(to, '&Wait=20')),
    ])
    for (const to of recipients) await server.start(to)
    for (const [i, { body }] of (await Promise.all(waiting)).entries()) {
      assert.deepEqual(
        body.messages.map(({ to }: Message) => to),
        [recipients[Math.floor(i / 2)]],
      )
    }
  })

  test('a key that is deleted meanwhile reads nothing', async () => {
    const to = freshNumber()
    const { sid, secret } = await createApiKey(server.ctx, { kind: 'main' })
    const waiting = server.get(messages(to, '&Wait=20'), basic(sid, secret))
    assert.equal((await server.get(messages(freshNumber()), basic(sid, secret))).status, 200)
    assert.equal((await server.del(`/v1/Keys/${sid}`)).status, 204)
    await server.start(to)
    const { status, body } = await waiting
    assert.deepEqual([status, body.code, body.messages], [401, 20003, undefined])
  })

  test('an address waits by any spelling', async () => {
    const waiting = server.get(messages('WAIT@example.com', '&Wait=20'))
    await server.start('Wait@Example.com', { Channel: 'email' })
    assert.equal((await waiting).body.messages.length, 1)
  })
})
