import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Message, TAG } from './pdu.ts'
import { answerId, readReceipt } from './receipt.ts'

function deliverSm(text: string, more: Partial<Message> = {}): Message {
  const nobody = { ton: 0, npi: 0, addr: '' }
  return {
    source: nobody,
    dest: nobody,
    esmClass: 4,
    dataCoding: 0,
    registeredDelivery: 0,
    validityPeriod: '',
    shortMessage: Buffer.from(text),
    tlvs: new Map(),
    ...more,
  }
}

test('states come from the text, whatever a carrier makes of the spelling', () => {
  const states = (stats: string[]) =>
    stats.map((stat) => readReceipt(deliverSm(`id:1 stat:${stat}`), 'same')?.state)
  assert.deepEqual(states(['DELIVRD', 'DELIVERED', 'delivrd']), ['delivered', 'delivered', 'delivered'])
  assert.deepEqual(states(['EXPIRED', 'DELETED', 'UNDELIV']), ['undelivered', 'undelivered', 'undelivered'])
  assert.deepEqual(states(['REJECTD', 'ACCEPTD', 'ENROUTE', 'UNKNOWN']), ['failed', 'sent', 'sent', 'sent'])
  assert.deepEqual(states(['', 'NONSENSE']), [undefined, undefined])
})

test('TLVs win over the text', () => {
  const tlvs = new Map([
    [TAG.receiptedMessageId, Buffer.from('tlv-id\0')],
    [TAG.messageState, Buffer.of(5)],
    [TAG.networkErrorCode, Buffer.of(3, 0, 27)],
  ])
  assert.deepEqual(readReceipt(deliverSm('id:text-id stat:DELIVRD err:000', { tlvs }), 'same'), {
    messageId: 'tlv-id',
    state: 'undelivered',
    code: '3:27',
  })
})

test('a network_error_code of the wrong length is passed over', () => {
  const tlvs = new Map([[TAG.networkErrorCode, Buffer.of(3)]])
  assert.equal(readReceipt(deliverSm('id:1 stat:UNDELIV err:027', { tlvs }), 'same')?.code, '027')
})

test('the text may be in message_payload, or in UCS-2', () => {
  const payload = new Map([[TAG.messagePayload, Buffer.from('ID:7 STAT:UNDELIV ERR:011')]])
  const expected = { messageId: '7', state: 'undelivered', code: '011' }
  assert.deepEqual(readReceipt(deliverSm('', { tlvs: payload }), 'same'), expected)
  const ucs2 = Buffer.from('id:7 stat:UNDELIV err:011', 'utf16le').swap16()
  assert.deepEqual(readReceipt(deliverSm('', { shortMessage: ucs2, dataCoding: 8 }), 'same'), expected)
})

test('an error code is told only where something failed', () => {
  assert.deepEqual(readReceipt(deliverSm('id:1 stat:DELIVRD err:123'), 'same'), {
    messageId: '1',
    state: 'delivered',
  })
  assert.deepEqual(readReceipt(deliverSm('id:1 stat:REJECTD err:000'), 'same'), {
    messageId: '1',
    state: 'failed',
  })
})

test('what is no receipt is none: another type, no id, no state', () => {
  assert.equal(readReceipt(deliverSm('id:1 stat:DELIVRD', { esmClass: 0 }), 'same'), undefined)
  assert.equal(readReceipt(deliverSm('id:1 stat:DELIVRD', { esmClass: 0x20 }), 'same'), undefined)
  assert.equal(readReceipt(deliverSm('stat:DELIVRD'), 'same'), undefined)
  assert.equal(readReceipt(deliverSm('id:1 err:000'), 'same'), undefined)
})

test('ids of answers and receipts meet, whichever of them is hexadecimal', () => {
  const idIn = (id: string, type: Parameters<typeof readReceipt>[1]) =>
    readReceipt(deliverSm(`id:${id} stat:DELIVRD`), type)?.messageId
  assert.equal(answerId('00FF', 'resp_hex_receipt_dec'), idIn('0000000255', 'resp_hex_receipt_dec'))
  assert.equal(answerId('255', 'resp_dec_receipt_hex'), idIn('ff', 'resp_dec_receipt_hex'))
  assert.equal(answerId('00FF', 'same'), idIn('00FF', 'same'))
  // More digits than a double holds, and ids that are no numbers at all.
  assert.equal(answerId('FFFFFFFFFFFFFFFF', 'resp_hex_receipt_dec'), '18446744073709551615')
  assert.equal(answerId('not-a-number', 'resp_hex_receipt_dec'), 'not-a-number')
})
