import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromMicros, NO_RATES, parseRates, readRates, toMicros } from './rates.ts'

const HEADER = 'channel,prefix,price,currency'
const table = (...lines: string[]) => parseRates([HEADER, ...lines].join('\n'), 'rates.csv')

describe('a rate table', () => {
  const rates = table(
    '# Germany',
    'sms,+49,0.075,EUR',
    'sms,49151,0.06,eur',
    'sms,,0.5,eur',
    '',
    'call, +49 , 0.013 , eur',
    'email,,0.0001,eur',
  )

  for (const [channel, recipient, micros] of [
    ['sms', '+4930901820', 75_000],
    ['sms', '+4915112345678', 60_000],
    ['sms', '+14155552671', 500_000],
    ['call', '+4930901820', 13_000],
    ['call', '+14155552671', 0],
    ['email', 'ann@example.com', 100],
    ['whatsapp', '+4930901820', 0],
  ] as const) {
    test(`${channel} to ${recipient} costs ${micros} millionths`, () =>
      assert.equal(rates.price(channel, recipient), micros))
  }

  test('has one currency, written as the API does', () => assert.equal(rates.currency, 'eur'))

  test('may come from a spreadsheet, with its line ends and byte order mark', () => {
    const saved = parseRates(`\uFEFF${HEADER}\r\nsms,+1,0.01,usd\r\n`, 'rates.csv')
    assert.equal(saved.price('sms', '+14155552671'), 10_000)
  })

  for (const [line, reason] of [
    ['sms,+49,0.075', /line 3: has 3 fields/],
    ['fax,+49,0.075,eur', /line 3: channel is "fax": must be one of sms, call, email, whatsapp$/],
    ['sms,+49x,0.075,eur', /line 3: prefix is "\+49x"/],
    ['sms,1234567890123456,0.075,eur', /line 3: prefix/],
    ['email,+49,0.075,eur', /line 3: an e-mail address has no prefix/],
    ['sms,+44,-1,eur', /line 3: price is "-1"/],
    ['sms,+44,1e3,eur', /line 3: price/],
    ['sms,+44,0.0000001,eur', /line 3: price/],
    ['sms,+44,"0,07",eur', /line 3: has 5 fields/],
    ['sms,+44,0.05,euro', /line 3: currency is "euro"/],
    ['sms,+44,0.05,usd', /line 3: currency is "usd", above it was eur$/],
    ['sms,49,0.05,eur', /line 3: sms to "49" has a price above already$/],
  ] as const) {
    test(`is refused with the line ${line}`, () =>
      assert.throws(() => table('sms,+49,0.075,eur', line), { name: 'ConfigError', message: reason }))
  }

  test('is refused without the line of names', () =>
    assert.throws(
      () => parseRates('sms,+49,0.075,eur', 'rates.csv'),
      /"rates.csv", line 1: must be channel,/,
    ))

  test('is refused where it cannot be read', () =>
    assert.rejects(readRates('/nowhere/rates.csv'), {
      name: 'ConfigError',
      message: /cannot be read: there is no such file/,
    }))

  test('without one nothing costs anything', async () => {
    assert.equal(await readRates(undefined), NO_RATES)
    assert.equal(NO_RATES.price('sms', '+4930901820'), 0)
  })
})

for (const [text, micros] of [
  ['0', 0],
  ['0.000001', 1],
  ['0.075', 75_000],
  ['12.5', 12_500_000],
  ['999999999.999999', 999_999_999_999_999],
] as const) {
  test(`${text} is ${micros} millionths, and back`, () => {
    assert.equal(toMicros(text), micros)
    assert.equal(fromMicros(micros), text)
  })
}
