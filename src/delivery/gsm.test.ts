import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeGsm, encodeGsm, isGsm, segmentCount, splitSms } from './gsm.ts'

test('the table agrees with the standard at its landmarks', () => {
  assert.deepEqual([...encodeGsm('@Ç_Ξ É?¡A§¿aà')], [0, 9, 17, 26, 32, 31, 63, 64, 65, 95, 96, 97, 127])
  assert.deepEqual([...encodeGsm('€[~')], [0x1b, 0x65, 0x1b, 0x3c, 0x1b, 0x3d])
})

test('each character has a septet of its own, in the order of the table', () => {
  const table = [...encodeGsm('@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?')]
  assert.deepEqual(
    table,
    Array.from({ length: 64 }, (_, i) => i).filter((septet) => septet !== 0x1b),
  )
  const extended = [...'\f^{}\\[~]|€'].map((character) => [...encodeGsm(character)])
  assert.deepEqual(
    extended,
    [0x0a, 0x14, 0x28, 0x29, 0x2f, 0x3c, 0x3d, 0x3e, 0x40, 0x65].map((septet) => [0x1b, septet]),
  )
})

test('what is encoded is decoded; an escape without meaning is a space', () => {
  const all = '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ÄÖÑÜ§¿aàäöñü^{}\\[~]|€'
  assert.equal(decodeGsm(encodeGsm(all)), all)
  assert.deepEqual([decodeGsm(Uint8Array.of(0x1b)), decodeGsm(Uint8Array.of(0x1b, 0x1b))], [' ', ' '])
})

test('what is not in the alphabet is told apart', () => {
  for (const text of ['ç', '`', '“', 'ё', '😀', '\0', '\u001b', '\t', '\ud800'])
    assert.equal(isGsm(text), false, JSON.stringify(text))
  assert.equal(isGsm(''), true)
  assert.throws(() => encodeGsm('código 123456 ✓'), { name: 'RangeError', message: /^[^0-9]*$/ })
})

test('segments are counted at the limits: 160 and 153, 70 and 67', () => {
  const counts = (character: string, lengths: number[]) =>
    lengths.map((length) => segmentCount(character.repeat(length)))
  assert.deepEqual(counts('a', [0, 160, 161, 306, 307]), [1, 1, 2, 2, 3])
  assert.deepEqual(counts('€', [80, 81, 152, 153]), [1, 2, 2, 3]) // 76 pairs a part: 153 is odd
  assert.deepEqual(counts('ё', [70, 71, 134, 135]), [1, 2, 2, 3])
  assert.deepEqual(counts('😀', [35, 36, 66, 67]), [1, 2, 2, 3]) // 33 pairs a part: 67 is odd
})

test('no part splits an escape pair or a surrogate pair, and together they are the text', () => {
  for (const text of [`${'a'.repeat(152)}€${'b'.repeat(200)}`, `${'ё'.repeat(66)}😀${'ы'.repeat(80)}`]) {
    const { alphabet, parts } = splitSms(text)
    assert.equal(parts.join(''), text)
    for (const part of parts) {
      assert.equal(part.isWellFormed(), true)
      assert.ok(alphabet === 'gsm' ? encodeGsm(part).length <= 153 : part.length <= 67)
    }
  }
  assert.equal(splitSms(`${'a'.repeat(152)}€${'b'.repeat(200)}`).parts[0], 'a'.repeat(152))
})

test('a GSM text may be cut for UCS-2, where a carrier cannot take its alphabet', () => {
  assert.equal(splitSms('é'.repeat(71), 'ucs2').parts.length, 2)
})
