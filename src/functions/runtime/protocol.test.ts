import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, FrameReader, KIND } from './protocol.ts'

const limits = (maxBytes: number) => ({
  maxBytes,
  maxHeadBytes: { [KIND.ready]: 64, [KIND.log]: 64, [KIND.answer]: 64 },
})

test('frames come out as they went in, however they are cut', () => {
  const sent: [kind: number, head: unknown, body: string][] = [
    [KIND.ready, {}, ''],
    [KIND.log, { level: 'warn' }, 'schön'],
    [KIND.answer, { status: 200, headers: [['a', 'ü']] }, 'x'.repeat(10_000)],
  ]
  const bytes = Buffer.concat(
    sent.map(([kind, head, body]) => encodeFrame(kind as typeof KIND.log, head, Buffer.from(body))),
  )
  for (const size of [1, 2, 7, 4_096, bytes.length]) {
    const got: unknown[] = []
    const reader = new FrameReader(limits(100_000), (kind, head, body) =>
      got.push([kind, head, body.toString()]),
    )
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
    assert.deepEqual(got, sent, `in pieces of ${size}`)
  }
})

test('a cut may be anywhere, with the rest of several frames behind it', () => {
  const frame = encodeFrame(KIND.log, { level: 'info' }, Buffer.from('line'))
  const bytes = Buffer.concat([frame, frame, frame])
  for (let cut = 0; cut <= bytes.length; cut++) {
    const got: string[] = []
    const reader = new FrameReader(limits(1_000), (_kind, _head, body) => got.push(body.toString()))
    reader.push(bytes.subarray(0, cut))
    reader.push(bytes.subarray(cut))
    assert.deepEqual(got, ['line', 'line', 'line'], `cut at ${cut}`)
  }
})

test('what is too large is refused by its length, before it has come; what is no frame, too', () => {
  const read = (bytes: Buffer) => () => new FrameReader(limits(1_000), () => {}).push(bytes)
  const frame = encodeFrame(KIND.log, {}, Buffer.alloc(2_000))
  assert.throws(read(frame.subarray(0, 4)), /a frame of/)
  assert.throws(read(Buffer.from([1, 0, 0, 0])), /a frame of/)
  const lying = encodeFrame(KIND.log, {})
  lying.writeUInt32LE(500, 5)
  assert.throws(read(lying), /longer than itself/)
  const noJson = encodeFrame(KIND.log, {})
  noJson.write('?', 9)
  assert.throws(read(noJson), SyntaxError)
})

test('a head that is too long, or of a kind that may not come, is not taken apart', () => {
  const read = (bytes: Buffer) => () => new FrameReader(limits(1_000), () => {}).push(bytes)
  // Each would be a SyntaxError if it were.
  for (const [kind, headBytes] of [
    [KIND.log, 65],
    [KIND.invoke, 10],
    [77, 10],
  ] as const) {
    const frame = encodeFrame(kind as typeof KIND.log, '?'.repeat(headBytes - 2))
    frame.write('?', 9)
    assert.throws(read(frame), new Error(`a head of ${headBytes} bytes in a frame of kind ${kind}`))
  }
})
