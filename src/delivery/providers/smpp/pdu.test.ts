import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  COMMAND,
  createFramer,
  decodeMessage,
  decodeMessageId,
  encodeMessage,
  encodePdu,
  type Message,
  type Pdu,
  TAG,
} from './pdu.ts'
import { readReceipt } from './receipt.ts'

const message: Message = {
  source: { ton: 5, npi: 0, addr: 'Acme' },
  dest: { ton: 1, npi: 1, addr: '15551230000' },
  esmClass: 0x40,
  dataCoding: 8,
  registeredDelivery: 1,
  validityPeriod: '000000001000000R',
  shortMessage: Buffer.from('hello'),
  tlvs: new Map([
    [TAG.sarTotal, Buffer.of(2)],
    [TAG.receiptedMessageId, Buffer.from('abc\0')],
    [0x1400, Buffer.alloc(0)],
  ]),
}

const receipt: Message = {
  ...message,
  esmClass: 4,
  dataCoding: 0,
  shortMessage: Buffer.from(
    'id:42 sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000',
  ),
}

const receiptInTlvs: Message = {
  ...receipt,
  shortMessage: Buffer.alloc(0),
  tlvs: new Map([
    [TAG.receiptedMessageId, Buffer.from('42\0')],
    [TAG.messageState, Buffer.of(5)],
    [TAG.networkErrorCode, Buffer.of(3, 0, 27)],
  ]),
}

function frames(chunks: Buffer[]): { found: Pdu[]; isSound: boolean } {
  const found: Pdu[] = []
  const framer = createFramer((pdu) => found.push(pdu))
  return { isSound: chunks.every((chunk) => framer.take(chunk)), found }
}

const pdu = (body: Buffer): Pdu => ({ command: COMMAND.deliverSm, status: 0x58, sequence: 0x7fffffff, body })

test('a message comes back as it went, unknown TLVs included', () => {
  assert.deepEqual(decodeMessage(COMMAND.submitSm, encodeMessage(message)), message)
  const longest = { ...message, shortMessage: Buffer.alloc(254, 1), tlvs: new Map() }
  assert.deepEqual(decodeMessage(COMMAND.deliverSm, encodeMessage(longest)), longest)
})

test('data_sm is read without the fields it lacks', () => {
  const body = Buffer.from('\0\x01\x01123\0\x05\x00Acme\0\x04\x01\x08\x04\x27\0\x01\x02', 'latin1')
  const read = decodeMessage(COMMAND.dataSm, body)
  assert.deepEqual(read?.source, { ton: 1, npi: 1, addr: '123' })
  assert.deepEqual([read?.esmClass, read?.registeredDelivery, read?.dataCoding], [4, 1, 8])
  assert.deepEqual(read?.tlvs, new Map([[TAG.messageState, Buffer.of(2)]]))
})

test('every truncation of a message without TLVs is malformed, and none throws', () => {
  const body = encodeMessage({ ...message, tlvs: new Map() })
  for (let length = 0; length < body.length; length++)
    assert.equal(decodeMessage(COMMAND.submitSm, body.subarray(0, length)), undefined, `cut at ${length}`)
  const withTlv = encodeMessage({ ...message, tlvs: new Map([[TAG.messagePayload, Buffer.alloc(300)]]) })
  assert.equal(decodeMessage(COMMAND.submitSm, withTlv.subarray(0, -1)), undefined)
})

test('strings without an end are malformed, strings far beyond the standard too', () => {
  assert.equal(decodeMessageId(Buffer.from('abc')), undefined)
  assert.equal(decodeMessageId(Buffer.alloc(0)), undefined)
  assert.equal(decodeMessageId(Buffer.from(`${'a'.repeat(256)}\0`)), undefined)
  assert.equal(decodeMessageId(Buffer.from(`${'a'.repeat(255)}\0`)), 'a'.repeat(255))
  assert.equal(decodeMessageId(Buffer.from('\0')), '')
})

test('PDUs are found however the stream is cut', () => {
  const three = [pdu(Buffer.from('one')), pdu(Buffer.alloc(0)), pdu(Buffer.alloc(65_520, 7))]
  const stream = Buffer.concat(three.map(encodePdu))
  const octets = Array.from(stream, (octet) => Buffer.of(octet))
  const halves = [stream.subarray(0, 25), stream.subarray(25)]
  for (const chunks of [[stream], octets, halves]) {
    assert.deepEqual(frames(chunks).found, three)
    assert.equal(frames(chunks).isSound, true)
  }
})

test('a length outside 16 … 65,536 is the end, after what came before it', () => {
  for (const length of [0, 15, 65_537, 2 ** 31, 2 ** 32 - 1]) {
    const bad = Buffer.alloc(16)
    bad.writeUInt32BE(length)
    const { found, isSound } = frames([Buffer.concat([encodePdu(pdu(Buffer.from('ok'))), bad])])
    assert.equal(isSound, false, String(length))
    assert.equal(found.length, 1)
  }
})

test('200,000 mutated inputs: nothing throws, and what is read lies within the input', () => {
  const seeds = [message, receipt, receiptInTlvs].map((seed) => encodePdu(pdu(encodeMessage(seed))))
  let state = 1 // a fixed sequence, so that a failure comes again
  const random = (max: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % max
  }
  let read = 0
  let refused = 0
  for (let round = 0; round < 200_000; round++) {
    const frame = Buffer.from(seeds[round % 3] as Buffer)
    for (let i = random(4); i >= 0; i--) {
      // Half of them beyond the length, so that not all are refused for it.
      const at = random(2) ? random(frame.length) : 16 + random(frame.length - 16)
      frame[at] = random(3) ? random(256) : ([0, 1, 0x7f, 0xff].at(random(4)) as number)
    }
    const chunk = random(4) ? frame : frame.subarray(0, random(frame.length))
    for (const { command, body } of frames([chunk]).found) {
      const decoded = decodeMessage(command, body)
      decodeMessageId(body)
      if (decoded) {
        read++
        readReceipt(decoded, 'resp_dec_receipt_hex')
        assert.ok(decoded.shortMessage.length <= body.length)
      } else refused++
    }
  }
  assert.ok(read > 10_000 && refused > 10_000, `read ${read}, refused ${refused}`)
})
