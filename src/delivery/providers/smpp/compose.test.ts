import assert from 'node:assert/strict'
import { test } from 'node:test'
import { smppOptions } from '../../../../test/support/smpp-lab.ts'
import { type Composed, compose, type Draft, relativeTime } from './compose.ts'
import type { SmppOptions } from './options.ts'
import { TAG } from './pdu.ts'

function composed(body: string, more: Partial<SmppOptions> = {}): Composed {
  const result = compose({ to: '+15551230000', body }, smppOptions(2775, more), 0x1234)
  assert.ok('drafts' in result)
  return result
}
const first = (body: string, more?: Partial<SmppOptions>) => composed(body, more).drafts[0] as Draft

test('a GSM text goes in the default alphabet, one septet an octet', () => {
  const { dataCoding, shortMessage } = first('Code: 123 @')
  assert.deepEqual([dataCoding, [...shortMessage]], [0, [67, 111, 100, 101, 58, 32, 49, 50, 51, 32, 0]])
})

test('any other text goes as UCS-2, NUL and lone surrogates as they are', () => {
  for (const text of ['код 😀', 'a\0b', '\ud83d']) {
    const { dataCoding, shortMessage } = first(text)
    assert.equal(dataCoding, 8)
    assert.deepEqual(shortMessage, Buffer.from(text, 'utf16le').swap16())
  }
})

test('a carrier that takes data_coding 0 for Latin-1 or ASCII gets what fits into it', () => {
  assert.deepEqual(first('é@', { default_alphabet: 'latin1' }).shortMessage, Buffer.of(0xe9, 0x40))
  assert.equal(first('Δ', { default_alphabet: 'latin1' }).dataCoding, 8)
  assert.equal(first('é', { default_alphabet: 'ascii' }).dataCoding, 8)
  assert.deepEqual(first('{a}', { default_alphabet: 'ascii' }).shortMessage, Buffer.from('{a}'))
})

test('the sender says its own type of number', () => {
  const source = (addr: string) => Object.values(first('x', { source: { addr } }).source)
  assert.deepEqual(source('+15550001111'), [1, 1, '15550001111'])
  assert.deepEqual(source('73555'), [3, 0, '73555'])
  assert.deepEqual(source('Acme'), [5, 0, 'Acme'])
  assert.deepEqual(Object.values(first('x', { source: { addr: '73555', ton: 6, npi: 9 } }).source), [
    6,
    9,
    '73555',
  ])
})

test('senders with control characters or more than 11 letters are refused by the schema', () => {
  for (const addr of ['Ac\0me', 'Ac\nme', 'Twelve chars', '', 'Ümlaut', '`']) {
    assert.throws(() => smppOptions(2775, { source: { addr } }), JSON.stringify(addr))
  }
})

test('numbers that are not E.164 never leave', () => {
  for (const to of ['+', '15551230000', '+1555\0', '+0555123000', '+1234567890123456', '+1 555', '']) {
    const result = compose({ to, body: 'x' }, smppOptions(2775), 0)
    assert.deepEqual(
      result,
      { outcome: 'rejected', kind: 'bad_number', code: 'not_e164' },
      JSON.stringify(to),
    )
  }
})

const LONG = 'a'.repeat(152) + '€'.repeat(10)

test('long: udh', () => {
  const { drafts, segments } = composed(LONG)
  assert.deepEqual([segments, drafts.map((d) => d.esmClass)], [2, [0x40, 0x40]])
  assert.deepEqual(drafts[0]?.shortMessage.subarray(0, 6), Buffer.of(5, 0, 3, 0x34, 2, 1))
  assert.deepEqual(drafts[1]?.shortMessage.subarray(0, 8), Buffer.of(5, 0, 3, 0x34, 2, 2, 0x1b, 0x65))
  assert.equal(drafts[0]?.shortMessage.length, 6 + 152)
})

test('long: sar', () => {
  const { drafts } = composed(LONG, { long: 'sar' })
  assert.deepEqual(drafts[1]?.tlvs.get(TAG.sarReference), Buffer.of(0x12, 0x34))
  assert.deepEqual(
    [drafts[1]?.tlvs.get(TAG.sarTotal), drafts[1]?.tlvs.get(TAG.sarSequence)],
    [Buffer.of(2), Buffer.of(2)],
  )
})

test('long: payload, refuse', () => {
  const { drafts, segments } = composed(LONG, { long: 'payload' })
  assert.deepEqual([drafts.length, segments, drafts[0]?.shortMessage.length], [1, 2, 0])
  assert.equal(drafts[0]?.tlvs.get(TAG.messagePayload)?.length, 152 + 20)
  const refused = compose({ to: '+15551230000', body: LONG }, smppOptions(2775, { long: 'refuse' }), 0)
  assert.deepEqual(refused, { outcome: 'rejected', kind: 'content', code: 'too_long' })
})

test('relative times', () => {
  assert.equal(relativeTime(600), '000000001000000R')
  assert.equal(relativeTime(1), '000000000001000R')
  assert.equal(relativeTime(604_799), '000006235959000R')
  assert.equal(relativeTime(604_800), '000007000000000R')
})
