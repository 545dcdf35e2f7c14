import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type FakeClock, fakeClock, timerlessClock } from '../../../test/support/clock.ts'
import { freshNumber, type TestServer, testServer } from '../../../test/support/server.ts'
import { runBackground } from '../../operations/background.ts'
import { newSid } from '../../storage/sid.ts'
import { parseAnyRecipient } from '../verifications/recipient.ts'
import { type Attempt, attemptSlot } from './attempt.ts'
import { convertAttempt, countAttempts, insertAttempt } from './store.ts'
import { foldAttempts } from './summary.ts'

const HOUR_MS = 3_600_000
const iso = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`
const query = (filters: Record<string, string | number>) =>
  new URLSearchParams(Object.entries(filters).map(([name, value]) => [name, String(value)])).toString()

/** An attempt as a start would make it, but with a time and a fate of the test's choice. */
async function seed(server: TestServer, given: Partial<Attempt> & { recipient: string }): Promise<Attempt> {
  const { ctx, accountSid } = server
  const recipient = await parseAnyRecipient(given.recipient)
  assert.ok(recipient)
  const createdAtMs = given.createdAtMs ?? ctx.clock.now()
  const attempt: Attempt = {
    sid: newSid('VL', 0, createdAtMs, ctx.random),
    placement: 0,
    accountSid,
    serviceSid: server.serviceSid,
    verificationSid: newSid('VE', 0, createdAtMs, ctx.random),
    slot: attemptSlot(ctx, accountSid, recipient.key),
    channel: recipient.to.includes('@') ? 'email' : 'sms',
    country: recipient.country ?? null,
    message: { locale: 'en', friendlyName: 'Test', codeLength: 6, doNotShare: false },
    codeVersion: 1,
    status: 'delivered',
    provider: 'inbox',
    errorCode: null,
    converted: false,
    priceMicros: null,
    dueAtMs: null,
    tries: 1,
    expiresAtMs: createdAtMs + 600_000,
    createdAtMs,
    updatedAtMs: createdAtMs,
    ...given,
  }
  await ctx.storage.write(async (tx) => {
    await insertAttempt(tx, attempt)
    if (attempt.converted) await convertAttempt(tx, accountSid, attempt.sid, createdAtMs)
  })
  return attempt
}

describe('attempts', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  after(() => server.close())

  test('an attempt tells all of a send, and how far it has come', async () => {
    const to = freshNumber()
    const started = (await server.start(to)).body
    const [{ attempt_sid: sid }] = started.send_code_attempts
    const code = await server.lastCode(to)
    const fetched = await server.get(`/v2/Attempts/${sid}`)
    const expected = {
      sid,
      account_sid: server.accountSid,
      service_sid: server.serviceSid,
      verification_sid: started.sid,
      date_created: iso(clock.now()),
      date_updated: iso(clock.now()),
      conversion_status: 'unconverted',
      channel: 'sms',
      price: { value: '0', currency: 'usd' },
      channel_data: {
        verification_sid: started.sid,
        to,
        status: 'unconfirmed',
        message_status: 'delivered',
        error_code: null,
        country: 'US',
        code_length: 6,
        locale: 'en',
        mcc: null,
        mnc: null,
        carrier: null,
      },
      url: `http://localhost:8080/v2/Attempts/${sid}`,
    }
    assert.deepEqual(fetched.body, expected)
    await clock.advance('5s')
    await server.check(to, code)
    const { body } = await server.get(`/v2/Attempts/${sid.toUpperCase()}`)
    assert.deepEqual(body, {
      ...expected,
      conversion_status: 'converted',
      date_updated: iso(clock.now()),
      channel_data: { ...expected.channel_data, status: 'confirmed' },
    })
  })

  test('a call has the status of a call; what nobody answered expires', async () => {
    const to = freshNumber()
    const started = (await server.start(to, { Channel: 'call' })).body
    await server.ctx.delivery.drained()
    await clock.advance('10m')
    const { channel_data } = (await server.get(`/v2/Attempts/${started.send_code_attempts[0].attempt_sid}`))
      .body
    assert.equal(channel_data.call_status, 'completed')
    assert.equal('message_status' in channel_data, false)
    assert.equal(channel_data.status, 'expired')
  })

  test('of several sends the newest before the check converts', async () => {
    const to = freshNumber()
    await server.start(to)
    await clock.advance('1s')
    await server.start(to, { Channel: 'call' })
    await clock.advance('1s')
    await server.start(to)
    await server.check(to, await server.lastCode(to))
    const { attempts } = (await server.get(`/v2/Attempts?${query({ 'ChannelData.To': to })}`)).body
    assert.deepEqual(
      attempts.map((a: { conversion_status: string }) => a.conversion_status),
      ['converted', 'unconverted', 'unconverted'],
    )
  })

  test('the sends of one verification are found by its sid', async () => {
    const to = freshNumber()
    const canceled = (await server.start(to)).body.sid
    await server.post(`/v2/Services/${server.serviceSid}/Verifications/${canceled}`, { Status: 'canceled' })
    const { sid } = (await server.start(to)).body
    await clock.advance('1s')
    await server.start(to, { Channel: 'call' })
    await clock.advance('1s')
    const { send_code_attempts } = (await server.start(to)).body
    const sent = send_code_attempts.map((send: { attempt_sid: string }) => send.attempt_sid).reverse()
    const list = async (filters: Record<string, string | number>) =>
      (await server.get(`/v2/Attempts?${query(filters)}`)).body.attempts.map((a: { sid: string }) => a.sid)
    assert.equal(sent.length, 3)
    for (const VerificationSid of [sid, `VE${sid.slice(2).toUpperCase()}`]) {
      assert.deepEqual(await list({ VerificationSid }), sent)
    }
    assert.deepEqual(await list({ VerificationSid: sid, Channel: 'call' }), [sent[1]])
    assert.deepEqual(
      await list({ VerificationSid: sid, 'ChannelData.To': to, PageSize: 2 }),
      sent.slice(0, 2),
    )
    assert.deepEqual(await list({ VerificationSid: sid, 'ChannelData.To': freshNumber() }), [])
    assert.deepEqual(await list({ VerificationSid: `VE${'0'.repeat(32)}` }), [])
  })

  test("an approval by the caller's word converts as well, a cancellation does not", async () => {
    for (const [status, fate] of [
      ['approved', 'converted'],
      ['canceled', 'unconverted'],
    ] as const) {
      const { sid, send_code_attempts } = (await server.start(freshNumber())).body
      await server.post(`/v2/Services/${server.serviceSid}/Verifications/${sid}`, { Status: status })
      const { body } = await server.get(`/v2/Attempts/${send_code_attempts[0].attempt_sid}`)
      assert.equal(body.conversion_status, fate)
    }
  })

  for (const sid of ['VL1', `VL${'0'.repeat(32)}`, `VE${'0'.repeat(32)}`, '%00', '+14155552671']) {
    test(`an attempt named ${sid} is not there`, async () => {
      const { body } = await server.get(`/v2/Attempts/${sid}`)
      assert.deepEqual([body.status, body.code], [404, 20404])
    })
  }
})

describe('the list of attempts', () => {
  let server: TestServer
  let attempts: Attempt[]
  let other: string
  const now = Date.parse('2026-11-20T12:00:00Z')
  before(async () => {
    server = await testServer({ clock: fakeClock(now) })
    other = (await server.post('/v2/Services', { FriendlyName: 'Other' })).body.sid
    attempts = []
    for (const given of [
      { recipient: '+14155552671', createdAtMs: now - 5 * HOUR_MS },
      { recipient: '+14155552671', createdAtMs: now - 4 * HOUR_MS, channel: 'call' },
      { recipient: '+14155552672', createdAtMs: now - 3 * HOUR_MS, converted: true },
      { recipient: '+4915112345678', createdAtMs: now - 2 * HOUR_MS, channel: 'whatsapp', converted: true },
      { recipient: 'Ann.Lee@example.com', createdAtMs: now - HOUR_MS, serviceSid: other },
    ] satisfies Parameters<typeof seed>[1][]) {
      attempts.push(await seed(server, given))
    }
  })
  after(() => server.close())

  /** Which of the attempts above a list shows, by their numbers. */
  const list = async (filters: Record<string, string>) => {
    const { status, body } = await server.get(`/v2/Attempts?${query(filters)}`)
    if (status !== 200) return body.message
    return body.attempts.map(({ sid }: { sid: string }) => attempts.findIndex((a) => a.sid === sid))
  }

  const at = (hours: number) => iso(now - hours * HOUR_MS)
  for (const [filters, shown] of [
    [{}, [4, 3, 2, 1, 0]],
    [{ 'ChannelData.To': '+14155552671' }, [1, 0]],
    [{ 'ChannelData.To': '+1 (415) 555-2671' }, [1, 0]],
    [{ 'ChannelData.To': 'ann.lee@EXAMPLE.com' }, [4]],
    [{ 'ChannelData.To': '+14155550100' }, []],
    [{ 'ChannelData.To': 'nobody' }, []],
    [{ 'ChannelData.To': '4155552671' }, []],
    [{ 'ChannelData.To': '' }, [4, 3, 2, 1, 0]],
    [{ Country: 'US' }, [2, 1, 0]],
    [{ Country: 'de' }, [3]],
    [{ Country: 'FR' }, []],
    [{ Channel: 'sms' }, [2, 0]],
    [{ Channel: 'call' }, [1]],
    [{ Channel: 'email' }, [4]],
    [{ Channel: 'whatsapp' }, [3]],
    [{ Channel: 'rbm' }, []],
    [{ Status: 'converted' }, [3, 2]],
    [{ Status: 'CONVERTED' }, [3, 2]],
    [{ Status: 'Unconverted' }, [4, 1, 0]],
    [{ DateCreatedAfter: at(3) }, [4, 3, 2]],
    [{ DateCreatedBefore: at(3) }, [1, 0]],
    [{ DateCreatedAfter: at(4), DateCreatedBefore: at(2) }, [2, 1]],
    [{ DateCreatedAfter: at(2), DateCreatedBefore: at(4) }, []],
    [{ Channel: 'sms', Country: 'US', Status: 'converted', DateCreatedAfter: at(4) }, [2]],
    [{ 'ChannelData.To': '+14155552671', Channel: 'call', Country: 'US', Status: 'unconverted' }, [1]],
    [{ 'ChannelData.To': '+14155552671', Country: 'DE' }, []],
    [{ Channel: 'pigeon' }, 'Invalid parameter: Channel'],
    [{ Country: 'USA' }, 'Invalid parameter: Country'],
    [{ Status: 'lost' }, 'Invalid parameter: Status'],
    [{ VerificationSid: 'VE1' }, 'Invalid parameter: VerificationSid'],
    [{ VerifyServiceSid: 'x' }, 'Invalid parameter: VerifyServiceSid'],
    [{ DateCreatedAfter: 'yesterday' }, 'Invalid parameter: DateCreatedAfter'],
    [{ DateCreatedAfter: '2026-13-01T00:00:00Z' }, 'Invalid parameter: DateCreatedAfter'],
    [{ DateCreatedBefore: '2026-11-20' }, 'Invalid parameter: DateCreatedBefore'],
    [{ PageSize: '1001' }, 'Page size too large'],
    [{ PageSize: '0' }, 'Invalid parameter: PageSize'],
    [{ Page: '-1' }, 'Invalid parameter: Page'],
    [{ PageToken: 'x' }, 'Invalid PageToken'],
  ] as const) {
    test(`with ${query(filters) || 'no filter'}`, async () => assert.deepEqual(await list(filters), shown))
  }

  test('by service, and no longer by one that is deleted for what others sent', async () => {
    assert.deepEqual(await list({ VerifyServiceSid: other }), [4])
    assert.deepEqual(await list({ VerifyServiceSid: other.toUpperCase() }), [4])
    assert.deepEqual(await list({ VerifyServiceSid: server.serviceSid, Channel: 'email' }), [])
    await server.del(`/v2/Services/${other}`)
    assert.deepEqual(await list({ VerifyServiceSid: other }), [4], 'what it sent stays listable')
  })

  test('filters stay in the addresses of pages', async () => {
    const { meta, attempts: shown } = (
      await server.get(`/v2/Attempts?${query({ 'ChannelData.To': '+14155552671', PageSize: 1 })}`)
    ).body
    assert.equal(shown[0].sid, attempts[1]?.sid)
    const next = (await server.get(meta.next_page_url.replace('http://localhost:8080', ''))).body
    assert.deepEqual(
      next.attempts.map((a: { sid: string }) => a.sid),
      [attempts[0]?.sid],
    )
    assert.equal(next.meta.next_page_url, null)
    assert.match(next.meta.previous_page_url, /ChannelData.To=%2B14155552671/)
  })
})

test('paging shows once, in order, all that stays while others come and go', async () => {
  const clock = fakeClock()
  const server = await testServer({ clock })
  try {
    const { storage } = server.ctx
    const follow = async (address: string) =>
      (await server.get(address.replace('http://localhost:8080', ''))).body
    const sidsOf = (body: { attempts: Attempt[] }) => body.attempts.map(({ sid }) => sid)
    const passing: Attempt[] = []
    const change = async (round: number) => {
      await clock.advance('1ms')
      passing.push(await seed(server, { recipient: freshNumber() }))
      // Between what is there already, too.
      const createdAtMs = clock.now() - 1 - round
      passing.push(await seed(server, { recipient: freshNumber(), createdAtMs }))
      const gone = round % 2 === 0 ? passing.splice(round % passing.length, 1)[0] : undefined
      if (gone) await storage.system.write((tx) => tx.run`delete from attempt where sid = ${gone.sid}`)
    }
    const lasting: string[] = []
    for (let n = 0; n < 23; n++) {
      lasting.push((await seed(server, { recipient: freshNumber() })).sid)
      if (n % 3 === 0) await clock.advance('1ms')
    }
    const newestFirst = lasting.toSorted().toReversed()
    const down: string[] = []
    let body = await follow('/v2/Attempts?PageSize=4')
    for (let round = 1; ; round++) {
      down.push(...sidsOf(body))
      if (!body.meta.next_page_url) break
      await change(round)
      body = await follow(body.meta.next_page_url)
    }
    const up = sidsOf(body).reverse()
    for (let round = 1; body.meta.previous_page_url && round < 50; round++) {
      await change(round)
      body = await follow(body.meta.previous_page_url)
      up.push(...sidsOf(body).reverse())
      // New ones would keep coming before the first page for ever.
      if (up.includes(newestFirst[0] ?? '')) break
    }
    assert.deepEqual(
      down.filter((sid) => lasting.includes(sid)),
      newestFirst,
    )
    assert.deepEqual(
      up.filter((sid) => lasting.includes(sid)),
      newestFirst.toReversed(),
    )
    assert.equal(new Set(down).size, down.length)
  } finally {
    await server.close()
  }
})

describe('the summary', () => {
  let server: TestServer
  let other: string
  /** Half past, so that hours begin between attempts. */
  const now = Date.parse('2026-11-20T12:30:00Z')
  const clock = timerlessClock(now)
  before(async () => {
    server = await testServer({ clock })
    other = (await server.post('/v2/Services', { FriendlyName: 'Other' })).body.sid
    const hour = Math.floor(now / HOUR_MS) * HOUR_MS
    // Around the first and the last millisecond of hours, over three days.
    for (const hours of [0, 1, 2, 5, 23, 24, 25, 26, 47, 48, 49, 71]) {
      for (const [recipient, afterMs, more] of [
        ['+14155552671', 0, {}],
        ['+14155552671', -1, { converted: true, channel: 'call' }],
        ['+14157772671', 1, { serviceSid: other }],
        ['+447400123456', 500, { converted: hours % 2 === 0 }],
        ['+4915112345678', 999, { channel: 'whatsapp' }],
        ['+1415555@example.com', 1_000, { converted: true }],
      ] as const) {
        const createdAtMs = hour - hours * HOUR_MS + afterMs
        await seed(server, { recipient, createdAtMs, ...more })
      }
    }
  })
  after(() => server.close())

  const summary = async (filters: Record<string, string>) => {
    const { status, body } = await server.get(`/v2/Attempts/Summary?${query(filters)}`)
    return status === 200 ? body : body.message
  }
  const at = (hours: number, ms = 0) => iso(now - 30 * 60_000 - hours * HOUR_MS + ms)

  const FILTERS: readonly Record<string, string>[] = [
    {},
    { Country: 'US' },
    { Country: 'gb' },
    { Country: 'FR' },
    { Channel: 'sms' },
    { Channel: 'call' },
    { Channel: 'email' },
    { DestinationPrefix: '+1' },
    { DestinationPrefix: '1' },
    { DestinationPrefix: '+1415' },
    { DestinationPrefix: '+14155' },
    { DestinationPrefix: '+141555' },
    { DestinationPrefix: '+1415555' },
    { DestinationPrefix: '+14155552671' },
    { DestinationPrefix: '44', Channel: 'sms', Country: 'GB' },
    { DestinationPrefix: '999' },
    { DateCreatedAfter: at(25) },
    { DateCreatedBefore: at(25) },
    { DateCreatedAfter: at(49), DateCreatedBefore: at(24) },
    { DateCreatedAfter: at(49, 1_000), DateCreatedBefore: at(24, 1_000) },
    { DateCreatedAfter: at(48, -1_000), DateCreatedBefore: at(48, 1_000) },
    { DateCreatedAfter: at(26, 1_000), DateCreatedBefore: at(26, 2_000) },
    { DateCreatedAfter: at(24), DateCreatedBefore: at(49) },
    { DateCreatedAfter: at(71), DateCreatedBefore: at(2), Country: 'US', Channel: 'call' },
  ]

  test('what is folded counts as what is not, by every filter and around every hour', async () => {
    const ask = async () => {
      const all = []
      for (const filters of FILTERS) all.push([filters, await summary(filters)])
      for (const sid of [server.serviceSid, other, other.toUpperCase()]) {
        all.push([sid, await summary({ VerifyServiceSid: sid, DestinationPrefix: '+1' })])
      }
      return all
    }
    const counted = await ask()
    const folded = async () =>
      Number(
        (
          await server.ctx.storage.read.get<{ n: number }>`
          select count(*) as n from attempt_hour where account_sid = ${server.accountSid}`
        )?.n,
      )
    assert.equal(await folded(), 0)
    const [, all] = counted[0] ?? []
    assert.equal(all.total_attempts, 72)
    assert.deepEqual(
      { ...all },
      {
        total_attempts: 72,
        total_converted: 29,
        total_unconverted: 43,
        conversion_rate_percentage: '40.277777777',
        url: 'http://localhost:8080/v2/Attempts/Summary',
      },
    )
    await foldAttempts(server.ctx, server.accountSid)
    const rows = await folded()
    assert.ok(rows > 0)
    assert.deepEqual(await ask(), counted, 'with the older hours folded')
    await foldAttempts(server.ctx, server.accountSid)
    assert.equal(await folded(), rows, 'folding again changes nothing')
    clock.pass(48 * HOUR_MS)
    await Promise.all([
      runBackground(server.ctx),
      runBackground(server.ctx),
      foldAttempts(server.ctx, server.accountSid),
    ])
    assert.ok((await folded()) > rows)
    assert.deepEqual(await ask(), counted, 'with all hours folded, by several at once')
    // One more after the folded hours, counted beside them.
    await seed(server, { recipient: '+14155552671' })
    assert.equal((await summary({})).total_attempts, 73)
  })

  test('an hour is folded only when nothing in it can convert any more', async () => {
    clock.pass(72 * HOUR_MS)
    const to = freshNumber()
    await server.start(to)
    const code = await server.lastCode(to)
    const since = { DateCreatedAfter: iso(clock.now()) }
    await runBackground(server.ctx)
    clock.pass(9 * 60_000)
    await server.check(to, code)
    assert.equal((await summary(since)).total_converted, 1)
    clock.pass(48 * HOUR_MS)
    await runBackground(server.ctx)
    assert.equal((await summary(since)).total_converted, 1)
  })

  test('what is folded outlives what it was folded from', async () => {
    const before = await summary({})
    clock.pass(60 * 24 * HOUR_MS)
    await runBackground(server.ctx)
    const left = await countAttempts(server.ctx.storage.scan, server.accountSid, {})
    assert.equal(left.total, 0)
    assert.deepEqual(await summary({}), before)
  })

  test('nothing is pruned before it is folded', async (t) => {
    const clock = timerlessClock()
    const server = await testServer({ clock, env: { COUNTERSIGN_VERIFICATION_RETENTION_DAYS: '1' } })
    t.after(() => server.close())
    for (let n = 0; n < 3; n++) await seed(server, { recipient: freshNumber(), priceMicros: 10 })
    // Still due: its queue is served no more.
    await seed(server, { recipient: freshNumber(), dueAtMs: clock.now() })
    const total = async () => (await server.get('/v2/Attempts/Summary')).body.total_attempts
    const left = async () => (await countAttempts(server.ctx.storage.scan, server.accountSid, {})).total
    const used = async () => {
      const records = `/2010-04-01/Accounts/${server.accountSid}/Usage/Records.json?Category=authy-sms-outbound`
      return (await server.get(records)).body.usage_records[0]?.count
    }
    const usedAtFirst = await used()
    for (let minutes = 0; minutes < 26 * 60; minutes += 20) {
      clock.pass(20 * 60_000)
      await runBackground(server.ctx)
      assert.equal(await total(), 4)
      assert.equal(await used(), usedAtFirst)
    }
    assert.equal(await left(), 0)
  })

  for (const [filters, message] of [
    [{ DestinationPrefix: '+' }, 'DestinationPrefix'],
    [{ DestinationPrefix: '1%' }, 'DestinationPrefix'],
    [{ DestinationPrefix: '1234567890123456' }, 'DestinationPrefix'],
    [{ Country: 'USA' }, 'Country'],
    [{ Channel: 'pigeon' }, 'Channel'],
    [{ VerifyServiceSid: 'VA1' }, 'VerifyServiceSid'],
    [{ DateCreatedAfter: 'now' }, 'DateCreatedAfter'],
  ] as const) {
    test(`${query(filters)} is refused`, async () =>
      assert.equal(await summary(filters), `Invalid parameter: ${message}`))
  }

  test('of nothing: no rate', async () => {
    const empty = await summary({ Country: 'FR' })
    assert.deepEqual([empty.total_attempts, empty.conversion_rate_percentage], [0, '0'])
  })
})
