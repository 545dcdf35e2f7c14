import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { type TimerlessClock, timerlessClock } from '../../../test/support/clock.ts'
import { makeTemporaryDirectory } from '../../../test/support/engines.ts'
import { freshNumber, type TestServer, testServer } from '../../../test/support/server.ts'
import type { Channel } from '../../delivery/provider.ts'
import { newSid } from '../../storage/sid.ts'
import type { Attempt } from '../../verify/attempts/attempt.ts'
import { insertAttempt, updateTry } from '../../verify/attempts/store.ts'
import { CATEGORIES } from './category.ts'
import { foldUsage } from './fold.ts'
import { parseDay, unitSpans } from './period.ts'
import type { ListName } from './record.ts'

const RATES = `channel,prefix,price,currency
sms,+1,0.05,eur
sms,+1415555,0.04,eur
call,+1,0.1,eur
`
const file = join(makeTemporaryDirectory(), 'rates.csv')
writeFileSync(file, RATES)

const DAY_MS = 86_400_000
const OPENED = Date.parse('2025-12-30T08:00:00Z')
const NOW = Date.parse('2026-11-20T12:30:00Z')

/** An attempt that a provider took at a time and for a price, or that still waits. */
async function seed(
  { ctx, serviceSid }: TestServer,
  accountSid: string,
  given: { at: string; channel?: Channel; priceMicros: number | null; waits?: boolean },
): Promise<Attempt> {
  const createdAtMs = Date.parse(given.at)
  const attempt: Attempt = {
    sid: newSid('VL', 0, createdAtMs, ctx.random),
    placement: 0,
    accountSid,
    serviceSid,
    verificationSid: newSid('VE', 0, createdAtMs, ctx.random),
    slot: ctx.random.bytes(16),
    recipient: freshNumber(),
    channel: given.channel ?? 'sms',
    country: 'US',
    message: { locale: 'en', friendlyName: 'Test', codeLength: 6, doNotShare: false },
    codeVersion: 1,
    status: 'sent',
    provider: 'inbox',
    errorCode: null,
    converted: false,
    priceMicros: given.priceMicros,
    dueAtMs: createdAtMs,
    tries: 1,
    expiresAtMs: createdAtMs + 600_000,
    createdAtMs,
    updatedAtMs: createdAtMs,
  }
  await ctx.storage.write(async (tx) => {
    await insertAttempt(tx, attempt)
    if (!given.waits) await updateTry(tx, { ...attempt, dueAtMs: null }, createdAtMs)
  })
  return attempt
}

describe('usage records', () => {
  let server: TestServer
  let client: twilio.Twilio
  let below: string
  const clock: TimerlessClock = timerlessClock(OPENED)
  before(async () => {
    server = await testServer({ clock, env: { COUNTERSIGN_RATES: file } })
    client = twilio(server.accountSid, server.authToken)
    client.api.baseUrl = await server.listen()
    clock.pass(NOW - OPENED)
    below = (await client.api.v2010.accounts.create({ friendlyName: 'Below' })).sid
    for (const at of [
      '2025-12-31T23:59:59.999Z',
      '2026-01-01T00:00:00.000Z',
      '2026-10-31T23:59:59.999Z',
      '2026-11-01T00:00:00.000Z',
      '2026-11-19T23:59:59.999Z',
      '2026-11-20T00:00:00.000Z',
      '2026-11-20T12:29:59.000Z',
    ]) {
      await seed(server, server.accountSid, { at, priceMicros: 50_000 })
    }
    await seed(server, server.accountSid, {
      at: '2026-11-20T03:00:00Z',
      channel: 'call',
      priceMicros: 100_000,
    })
    await seed(server, server.accountSid, { at: '2026-11-20T03:00:00Z', channel: 'whatsapp', priceMicros: 0 })
    await seed(server, server.accountSid, { at: '2026-11-20T03:00:00Z', priceMicros: null })
    await seed(server, below, { at: '2026-11-20T04:00:00Z', priceMicros: 50_000 })
    await seed(server, below, { at: '2026-11-20T04:00:00Z', channel: 'email', priceMicros: 1 })
  })
  after(() => server.close())

  const records = () => client.api.v2010.accounts(server.accountSid).usage.records
  /** A list as rows of start, end, count and price. */
  const rows = async (list: ListName, filters: object = {}) => {
    const name = list === '' ? undefined : (list[0] ?? '').toLowerCase() + list.slice(1)
    const resource = (name ? records()[name as 'daily'] : records()) as ReturnType<typeof records>['daily']
    const found = await resource.list({ category: 'sms', ...filters } as object)
    return found.map((r) => [
      r.startDate.toISOString().slice(0, 10),
      r.endDate.toISOString().slice(0, 10),
      r.count,
      String(r.price),
    ])
  }

  test('there is one for each category, with all that the official description names', async () => {
    const { body } = await server.get(`/2010-04-01/Accounts/${server.accountSid}/Usage/Records.json`)
    assert.deepEqual(
      body.usage_records.map((r: { category: string }) => r.category),
      CATEGORIES.map(({ name }) => name),
    )
    const path = `/2010-04-01/Accounts/${server.accountSid}/Usage/Records`
    const sms = body.usage_records.find((r: { category: string }) => r.category === 'sms')
    assert.deepEqual(sms, {
      account_sid: server.accountSid,
      api_version: '2010-04-01',
      as_of: '2026-11-20T12:30:00+00:00',
      category: 'sms',
      count: '8',
      count_unit: 'messages',
      description: 'SMS',
      start_date: '2025-12-30',
      end_date: '2026-11-20',
      price: '0.4',
      price_unit: 'eur',
      usage: '8',
      usage_unit: 'messages',
      uri: `${path}.json?Category=sms&StartDate=2025-12-30&EndDate=2026-11-20`,
      subresource_uris: {
        all_time: `${path}/AllTime.json?Category=sms`,
        daily: `${path}/Daily.json?Category=sms`,
        last_month: `${path}/LastMonth.json?Category=sms`,
        monthly: `${path}/Monthly.json?Category=sms`,
        this_month: `${path}/ThisMonth.json?Category=sms`,
        today: `${path}/Today.json?Category=sms`,
        yearly: `${path}/Yearly.json?Category=sms`,
        yesterday: `${path}/Yesterday.json?Category=sms`,
      },
    })
    const total = body.usage_records.find((r: { category: string }) => r.category === 'totalprice')
    assert.deepEqual(
      [total.count, total.count_unit, total.usage, total.usage_unit, total.price],
      [null, '', '0.500001', 'eur', '0.500001'],
    )
  })

  const EXPECTED: readonly [ListName, object, (readonly string[])[]][] = [
    ['', {}, [['2025-12-30', '2026-11-20', '8', '0.4']]],
    ['', { includeSubaccounts: false }, [['2025-12-30', '2026-11-20', '7', '0.35']]],
    ['', { category: 'calls' }, [['2025-12-30', '2026-11-20', '1', '0.1']]],
    ['', { category: 'verify-email' }, [['2025-12-30', '2026-11-20', '1', '0.000001']]],
    ['', { category: 'verify-email', includeSubaccounts: false }, [['2025-12-30', '2026-11-20', '0', '0']]],
    ['', { category: 'calleridlookups' }, []],
    [
      '',
      { startDate: new Date('2026-11-01'), endDate: new Date('2026-11-19') },
      [['2026-11-01', '2026-11-19', '2', '0.1']],
    ],
    ['', { startDate: '-30days' }, [['2026-10-21', '2026-11-20', '6', '0.3']]],
    ['', { startDate: '2020-01-01', endDate: '+3days' }, [['2020-01-01', '2026-11-23', '8', '0.4']]],
    ['', { startDate: '2026-11-20', endDate: '2026-11-19' }, []],
    ['AllTime', {}, [['2025-12-30', '2026-11-20', '8', '0.4']]],
    ['Today', {}, [['2026-11-20', '2026-11-20', '3', '0.15']]],
    ['Yesterday', {}, [['2026-11-19', '2026-11-19', '1', '0.05']]],
    ['Yesterday', { startDate: '2026-11-20' }, []],
    ['ThisMonth', {}, [['2026-11-01', '2026-11-20', '5', '0.25']]],
    ['LastMonth', {}, [['2026-10-01', '2026-10-31', '1', '0.05']]],
    [
      'Daily',
      { startDate: '2026-11-18' },
      [
        ['2026-11-20', '2026-11-20', '3', '0.15'],
        ['2026-11-19', '2026-11-19', '1', '0.05'],
        ['2026-11-18', '2026-11-18', '0', '0'],
      ],
    ],
    [
      'Monthly',
      { startDate: '2026-10-31' },
      [
        ['2026-11-01', '2026-11-30', '5', '0.25'],
        ['2026-10-31', '2026-10-31', '1', '0.05'],
      ],
    ],
    [
      'Yearly',
      {},
      [
        ['2026-01-01', '2026-12-31', '7', '0.35'],
        ['2025-01-01', '2025-12-31', '1', '0.05'],
      ],
    ],
  ]
  const ask = async () => Promise.all(EXPECTED.map(([list, filters]) => rows(list, filters)))

  for (const [index, [list, filters, expected]] of EXPECTED.entries()) {
    test(`${list || 'Records'} ${index} ${JSON.stringify(filters)}`, async () =>
      assert.deepEqual(await rows(list, filters), expected))
  }

  test('what is folded counts as what is not, however many fold it', async () => {
    const expected = EXPECTED.map(([, , rows]) => rows)
    const folded = async () =>
      Number(
        (
          await server.ctx.storage.read.get<{ n: number }>`select count(*) as n from usage_day
          where meter <> 'api' and account_sid = ${server.accountSid}`
        )?.n,
      )
    assert.equal(await folded(), 0)
    for (const sid of [server.accountSid, below]) {
      await Promise.all([1, 2, 3].map(() => foldUsage(server.ctx, sid)))
    }
    // Of six days, but the last minute is not folded yet; a call and a message of WhatsApp besides.
    assert.equal(await folded(), 8)
    assert.deepEqual(await ask(), expected)
    await foldUsage(server.ctx, server.accountSid)
    assert.deepEqual(await ask(), expected)
  })

  test('what waits to be sent holds the folding up, and nothing is lost or counted twice', async () => {
    clock.pass(DAY_MS)
    const today = '2026-11-21T0'
    const waiting = await seed(server, server.accountSid, {
      at: `${today}1:00:00Z`,
      priceMicros: null,
      waits: true,
    })
    await seed(server, server.accountSid, { at: `${today}2:00:00Z`, priceMicros: 50_000 })
    await foldUsage(server.ctx, server.accountSid)
    assert.deepEqual(await rows('Today'), [['2026-11-21', '2026-11-21', '1', '0.05']])
    await server.ctx.storage.system.write((tx) =>
      updateTry(tx, { ...waiting, priceMicros: 40_000, dueAtMs: null }, waiting.dueAtMs),
    )
    assert.deepEqual(await rows('Today'), [['2026-11-21', '2026-11-21', '2', '0.09']])
    await foldUsage(server.ctx, server.accountSid)
    assert.deepEqual(await rows('Today'), [['2026-11-21', '2026-11-21', '2', '0.09']])
  })

  test('a subaccount sees its own', async () => {
    const { body } = await server.get(`/2010-04-01/Accounts/${below}/Usage/Records.json?Category=sms`)
    assert.equal(body.usage_records[0].account_sid, below)
    assert.equal(body.usage_records[0].count, '1')
  })

  test('pages follow one another both ways', async () => {
    const get = async (path: string) => (await server.get(path)).body
    const daily = `/2010-04-01/Accounts/${server.accountSid}/Usage/Records/Daily.json?Category=sms`
    const whole = await get(`${daily}&PageSize=1000`)
    assert.ok(whole.usage_records.length > 300)
    const down: object[] = []
    let page = await get(`${daily}&PageSize=100`)
    for (;;) {
      down.push(...page.usage_records)
      if (page.next_page_uri === null) break
      page = await get(page.next_page_uri)
    }
    assert.deepEqual(down, whole.usage_records)
    const back = await get(page.previous_page_uri)
    assert.deepEqual(
      back.usage_records,
      whole.usage_records.slice(-100 - page.usage_records.length, -page.usage_records.length),
    )
    const streamed = await records().daily.list({ category: 'sms', pageSize: 50 })
    assert.equal(streamed.length, whole.usage_records.length)
  })

  for (const [filter, parameter] of [
    ['StartDate=yesterday', 'StartDate'],
    ['StartDate=2026-02-30', 'StartDate'],
    ['EndDate=2026-11-20T00:00:00Z', 'EndDate'],
    ['IncludeSubaccounts=perhaps', 'IncludeSubaccounts'],
  ] as const) {
    test(`${filter} is refused`, async () => {
      const { body } = await server.get(
        `/2010-04-01/Accounts/${server.accountSid}/Usage/Records.json?${filter}`,
      )
      assert.deepEqual([body.code, body.message], [60200, `Invalid parameter: ${parameter}`])
    })
  }

  test('requests are counted for who asked, and kept', async () => {
    await server.ctx.callCounts.flush()
    const count = async () => {
      const { body } = await server.get(
        `/2010-04-01/Accounts/${server.accountSid}/Usage/Records/Today.json?Category=api-requests`,
      )
      return Number(body.usage_records[0].count)
    }
    const first = await count()
    assert.ok(first > 0)
    await server.get('/v2/Services')
    await server.get('/v2/Services', 'Basic nobody')
    await Promise.all([server.ctx.callCounts.flush(), server.ctx.callCounts.flush()])
    assert.equal(await count(), first + 2, 'the count itself, and one')
  })
})

test('a message costs what the table says, once it was sent', async () => {
  const server = await testServer({ env: { COUNTERSIGN_RATES: file } })
  try {
    const priceOf = async (to: string, channel: string) => {
      const { body } = await server.start(to, { Channel: channel })
      await server.ctx.delivery.drained()
      return (await server.get(`/v2/Attempts/${body.send_code_attempts[0].attempt_sid}`)).body.price
    }
    assert.deepEqual(await priceOf('+14155552671', 'sms'), { value: '0.04', currency: 'eur' })
    assert.deepEqual(await priceOf('+12125552671', 'sms'), { value: '0.05', currency: 'eur' })
    assert.deepEqual(await priceOf('+14155552672', 'call'), { value: '0.1', currency: 'eur' })
    assert.deepEqual(await priceOf('+4915112345678', 'sms'), { value: '0', currency: 'eur' })
    assert.deepEqual(await priceOf('ann@example.com', 'email'), { value: '0', currency: 'eur' })
    const { body } = await server.get(
      `/2010-04-01/Accounts/${server.accountSid}/Usage/Records/Today.json?Category=totalprice`,
    )
    assert.equal(body.usage_records[0].price, '0.19')
  } finally {
    await server.close()
  }
})

test('a server whose rate table is broken does not start', async () => {
  const broken = join(makeTemporaryDirectory(), 'broken.csv')
  writeFileSync(broken, `${RATES}sms,+44,free,eur\n`)
  await assert.rejects(testServer({ env: { COUNTERSIGN_RATES: broken } }), {
    name: 'ConfigError',
    message: /broken\.csv", line 5: price is "free"/,
  })
})

describe('days', () => {
  const today = parseDay('2026-11-20', 0) ?? 0
  for (const [text, day] of [
    ['2026-11-20', today],
    ['-1day', today - 1],
    ['+30days', today + 30],
    ['2026-11-31', undefined],
    ['20261120', undefined],
    ['-days', undefined],
  ] as const) {
    test(`${text} is read`, () => assert.equal(parseDay(text, today), day))
  }

  test('months and years touch at their ends', () => {
    for (const unit of ['day', 'month', 'year'] as const) {
      const spans = unitSpans(unit, { fromDay: today - 800, toDay: today })
      for (const [i, span] of spans.entries()) {
        const next = spans[i + 1]
        if (next) assert.equal(next.toDay, span.fromDay - 1)
      }
      assert.ok((spans.at(-1)?.fromDay ?? today) <= today - 800)
    }
  })
})
