import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeGsm } from '../../gsm.ts'
import { readIncoming } from './incoming.ts'
import { COMMAND, decodeMessage, encodeMessage, type Message, TAG } from './pdu.ts'

const ucs2 = (text: string) => Buffer.from(text, 'utf16le').swap16()

/** As it comes over the wire. */
function delivered(more: Partial<Message>): Message {
  const message: Message = {
    source: { ton: 1, npi: 1, addr: '15551230000' },
    dest: { ton: 1, npi: 1, addr: '15017122661' },
    esmClass: 0,
    dataCoding: 0,
    registeredDelivery: 0,
    validityPeriod: '',
    shortMessage: Buffer.alloc(0),
    tlvs: new Map(),
    ...more,
  }
  return decodeMessage(COMMAND.deliverSm, encodeMessage(message)) ?? assert.fail()
}
const read = (more: Partial<Message>, alphabet: 'gsm' | 'latin1' = 'gsm') =>
  readIncoming(delivered(more), alphabet)

test('texts of each alphabet', () => {
  const bodies = [
    read({ shortMessage: encodeGsm('@ 5 € [x] é') }),
    read({ shortMessage: encodeGsm('class 0'), dataCoding: 0xf0 }),
    read({ shortMessage: Buffer.from('@ é', 'latin1') }, 'latin1'),
    read({ shortMessage: Buffer.from('é', 'latin1'), dataCoding: 3 }),
    read({ shortMessage: ucs2('Привет 👋'), dataCoding: 8 }),
    read({ tlvs: new Map([[TAG.messagePayload, encodeGsm('payload')]]) }),
    read({}),
  ].map((incoming) => incoming?.body)
  assert.deepEqual(bodies, ['@ 5 € [x] é', 'class 0', '@ é', 'é', 'Привет 👋', 'payload', ''])
})

test('what is no text of a person is none', () => {
  assert.equal(read({ dataCoding: 4, shortMessage: Buffer.of(1, 2, 3) }), undefined)
  for (const esmClass of [0x04, 0x08, 0x10, 0x20]) assert.equal(read({ esmClass }), undefined)
})

test('numbers are E.164 where the address says so, else as they came', () => {
  const source = (ton: number, addr: string) => read({ source: { ton, npi: 0, addr } })?.from
  assert.deepEqual(
    [source(1, '15551230000'), source(0, '+15551230000'), source(3, '12345'), source(5, 'Bank')],
    ['+15551230000', '+15551230000', '12345', 'Bank'],
  )
  assert.equal(read({})?.to, '+15017122661')
})

test('parts, by both elements of the header and by SAR', () => {
  const withHeader = (header: number[]) =>
    read({ esmClass: 0x40, shortMessage: Buffer.concat([Buffer.from(header), encodeGsm('part')]) })
  const sar = new Map([
    [TAG.sarReference, Buffer.of(1, 2)],
    [TAG.sarTotal, Buffer.of(3)],
    [TAG.sarSequence, Buffer.of(1)],
  ])
  const parts = [
    withHeader([5, 0, 3, 7, 2, 1]),
    withHeader([6, 8, 4, 1, 2, 3, 3]),
    // Behind an element that says something else.
    withHeader([9, 5, 2, 0, 1, 0, 3, 7, 2, 2]),
    read({ tlvs: sar, shortMessage: encodeGsm('part') }),
  ]
  assert.deepEqual(
    parts.map((incoming) => [incoming?.body, incoming?.part]),
    [
      ['part', { reference: 7, total: 2, n: 1 }],
      ['part', { reference: 0x102, total: 3, n: 3 }],
      ['part', { reference: 7, total: 2, n: 2 }],
      ['part', { reference: 0x102, total: 3, n: 1 }],
    ],
  )
})

test('a header that lies about itself makes no part, and none throws', () => {
  for (const header of [
    [5, 0, 3, 7, 2, 3],
    [5, 0, 3, 7, 0, 0],
    [5, 0, 3, 7, 1, 1],
    [255, 0, 3],
    [2, 0, 200],
    [0],
  ]) {
    const incoming = read({ esmClass: 0x40, shortMessage: Buffer.from(header) })
    assert.equal(incoming?.part, undefined)
  }
})
