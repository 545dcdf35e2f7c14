/** What only a bad or unlucky SMSC does: the peer is made of our own codec, and told what to do. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  boundAgain,
  never,
  openProvider,
  outgoing,
  type RawPeer,
  rawSmsc,
  until,
} from '../../../../test/support/smpp-lab.ts'
import type { Provider } from '../../provider.ts'
import type { SmppOptions } from './options.ts'
import {
  COMMAND,
  encodeMessage,
  encodePdu,
  MAX_SEQUENCE,
  type Message,
  type Pdu,
  responseTo,
  TAG,
} from './pdu.ts'
import { nextSequence } from './session.ts'

const messageId = (id: string) => Buffer.from(`${id}\0`)
const isUp = (provider: Provider) => () => provider.health().state === 'up'

/** A raw SMSC that answers submits as told, and an open provider. */
async function withRaw(
  t: TestContext,
  onSubmit: (pdu: Pdu, peer: RawPeer) => void,
  more: Partial<SmppOptions> = {},
) {
  const smsc = await rawSmsc((pdu, peer) => {
    if (pdu.command === COMMAND.submitSm) onSubmit(pdu, peer)
    return undefined
  })
  t.after(smsc.close)
  const opened = await openProvider(t, smsc.port, more)
  await until(isUp(opened.provider))
  return { ...opened, smsc, peer: smsc.peers[0] as RawPeer }
}

function deliverSm(text: string, more: Partial<Message> = {}): Buffer {
  const nobody = { ton: 0, npi: 0, addr: '' }
  return encodeMessage({
    source: nobody,
    dest: nobody,
    esmClass: 4,
    dataCoding: 0,
    registeredDelivery: 0,
    validityPeriod: '',
    shortMessage: Buffer.from(text),
    tlvs: new Map(),
    ...more,
  })
}

const statusesOf = (received: Pdu[], command: number) =>
  received.filter((pdu) => pdu.command === command).map((pdu) => pdu.status)

test('a receipt is answered only once it is kept; one that cannot be kept is asked for again', async (t) => {
  const { peer, smsc, world } = await withRaw(t, () => {})
  let keep = () => {}
  world.receipt = () =>
    new Promise((resolve) => {
      keep = resolve
    })
  peer.send({ command: COMMAND.deliverSm, sequence: 1, body: deliverSm('id:1 stat:DELIVRD') })
  peer.send({ command: COMMAND.enquireLink, sequence: 2 })
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.enquireLink)).length === 1)
  assert.deepEqual(statusesOf(smsc.received, responseTo(COMMAND.deliverSm)), [])
  keep()
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.deliverSm)).length === 1)
  world.receipt = () => Promise.reject(new Error('disk full'))
  peer.send({ command: COMMAND.deliverSm, sequence: 3, body: deliverSm('id:1 stat:DELIVRD') })
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.deliverSm)).length === 2)
  assert.deepEqual(statusesOf(smsc.received, responseTo(COMMAND.deliverSm)), [0, 0x64])
})

test('garbage, incoming messages and receipts without a state are answered and change nothing', async (t) => {
  const { peer, smsc, receipts, logs } = await withRaw(t, () => {})
  const bodies = [
    Buffer.alloc(0),
    Buffer.from('no end'),
    deliverSm('id:1'),
    deliverSm('Hello', { esmClass: 0 }),
  ]
  for (const [i, body] of bodies.entries()) peer.send({ command: COMMAND.deliverSm, sequence: i + 1, body })
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.deliverSm)).length === 4)
  assert.deepEqual(statusesOf(smsc.received, responseTo(COMMAND.deliverSm)), [0, 0, 0, 0])
  assert.deepEqual(receipts, [])
  assert.equal(JSON.stringify(logs).includes('Hello'), false)
})

test('receipts come by data_sm and by message_payload as well', async (t) => {
  const { peer, smsc, receipts } = await withRaw(t, () => {})
  const payload = new Map([[TAG.messagePayload, Buffer.from('id:7 stat:REJECTD err:9')]])
  const data = Buffer.from('\0\0\0\0\0\0\0\x04\0\0\x00\x1e\0\x028\0\x04\x27\0\x01\x02', 'latin1')
  peer.send({ command: COMMAND.deliverSm, sequence: 1, body: deliverSm('', { tlvs: payload }) })
  peer.send({ command: COMMAND.dataSm, sequence: 2, body: data })
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.dataSm)).length === 1)
  assert.deepEqual(receipts, [
    { providerId: 'carrier', messageId: '7', state: 'failed', code: '9' },
    { providerId: 'carrier', messageId: '8', state: 'delivered' },
  ])
})

test('unknown commands are refused, and requests without a response get none', async (t) => {
  const { peer, smsc } = await withRaw(t, () => {})
  peer.send({ command: COMMAND.alertNotification, sequence: 5 })
  peer.send({ command: 0x7777, sequence: 6 })
  await until(() => smsc.received.length === 2)
  assert.deepEqual(smsc.received[1] && { ...smsc.received[1], body: smsc.received[1].body.length }, {
    command: COMMAND.genericNack,
    status: 3,
    sequence: 6,
    body: 0,
  })
})

test('answers that answer nothing are dropped; generic_nack is a refusal', async (t) => {
  const { provider, clock } = await withRaw(t, (pdu, peer) => {
    peer.send({ command: responseTo(COMMAND.submitSm), sequence: 77, body: messageId('stray') })
    peer.send({ command: responseTo(COMMAND.enquireLink), sequence: pdu.sequence })
    peer.send({ command: COMMAND.genericNack, sequence: pdu.sequence, status: 0 })
    peer.answer(pdu, 0, messageId('late'))
  })
  assert.deepEqual(await provider.send(outgoing(clock), never()), {
    outcome: 'rejected',
    kind: 'config',
    code: '0x00000003',
  })
})

test('an answer without an id is taken for what it is', async (t) => {
  const bodies = [Buffer.of(0), Buffer.from('no end')]
  const { provider, clock } = await withRaw(t, (pdu, peer) => peer.answer(pdu, 0, bodies.shift()))
  const message = outgoing(clock)
  assert.deepEqual(await provider.send(message, never()), {
    outcome: 'accepted',
    messageId: `unnumbered-${message.sid}`,
    segments: 1,
  })
  assert.deepEqual(await provider.send(outgoing(clock), never()), {
    outcome: 'unknown',
    code: 'malformed_answer',
  })
})

test('silence is unknown, after the time-out or when the caller gives up; a late answer is dropped', async (t) => {
  const asked: [Pdu, RawPeer][] = []
  const { provider, clock } = await withRaw(t, (pdu, peer) => asked.push([pdu, peer]), { window: 2 })
  const first = provider.send(outgoing(clock), never())
  const caller = new AbortController()
  const second = provider.send(outgoing(clock), caller.signal)
  const third = provider.send(outgoing(clock), caller.signal)
  await until(() => asked.length === 2)
  caller.abort()
  assert.deepEqual(await second, { outcome: 'unknown', code: 'timeout' })
  assert.deepEqual(await third, { outcome: 'untried', code: 'aborted' })
  clock.advance(10_000)
  assert.deepEqual(await first, { outcome: 'unknown', code: 'timeout' })

  const fourth = provider.send(outgoing(clock), never())
  await until(() => asked.length === 3)
  for (const [pdu, peer] of asked) peer.answer(pdu, 0, messageId(`m${pdu.sequence}`))
  const answered = await fourth
  assert.deepEqual(answered, { outcome: 'accepted', messageId: `m${asked[2]?.[0].sequence}`, segments: 1 })
  assert.deepEqual(await provider.send(outgoing(clock), AbortSignal.abort()), {
    outcome: 'untried',
    code: 'aborted',
  })
})

test('an expired message never leaves, and the validity period is what is left', async (t) => {
  const bodies: Buffer[] = []
  const { provider, clock } = await withRaw(t, (pdu, peer) => {
    bodies.push(pdu.body)
    peer.answer(pdu, 0, messageId('m'))
  })
  const expired = outgoing(clock, '+15551230000', { expiresAtMs: clock.now() })
  assert.deepEqual(await provider.send(expired, never()), {
    outcome: 'rejected',
    kind: 'content',
    code: 'expired',
  })
  await provider.send(outgoing(clock, '+15551230000', { expiresAtMs: clock.now() + 90_000 }), never())
  await provider.send(outgoing(clock, '+15551230000', { expiresAtMs: clock.now() + 3_600_000 }), never())
  assert.deepEqual(
    bodies.map((body) => /0{6}\d{9}R/.exec(body.toString('latin1'))?.[0]),
    ['000000000130000R', '000000001000000R'],
  )
})

test('a peer that breaks the framing is left, what was under way is unknown, and it is bound again', async (t) => {
  const { provider, clock, smsc } = await withRaw(t, (_, peer) => peer.socket.write(Buffer.alloc(16)))
  assert.deepEqual(await provider.send(outgoing(clock), never()), {
    outcome: 'unknown',
    code: 'connection_lost',
  })
  assert.equal(provider.health().detail, 'invalid PDU length')
  await boundAgain(provider, clock)
  assert.equal(smsc.peers.length, 2)
})

test('PDUs that come octet by octet are understood', async (t) => {
  const { provider, clock } = await withRaw(t, (pdu, peer) => {
    const answer = Buffer.alloc(19, 'm1\0')
    answer.writeUInt32BE(19, 0)
    answer.writeUInt32BE(responseTo(COMMAND.submitSm), 4)
    answer.writeUInt32BE(0, 8)
    answer.writeUInt32BE(pdu.sequence, 12)
    answer.write('m1\0', 16)
    for (const octet of answer) peer.socket.write(Buffer.of(octet))
  })
  const result = await provider.send(outgoing(clock), never())
  assert.deepEqual(result, { outcome: 'accepted', messageId: 'm1', segments: 1 })
})

test('an unbind in the middle: answered, the window may still be answered, then bound again', async (t) => {
  const asked: Pdu[] = []
  const { provider, clock, smsc, peer } = await withRaw(t, (pdu) => void asked.push(pdu))
  const results = [1, 2].map(() => provider.send(outgoing(clock), never()))
  await until(() => asked.length === 2)
  peer.send({ command: COMMAND.unbind, sequence: 9 })
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.unbind)).length === 1)
  assert.equal(provider.health().state, 'down')
  peer.answer(asked[0] as Pdu, 0, messageId('kept'))
  const first = await results[0]
  assert.equal(first?.outcome === 'accepted' && first.messageId, 'kept')
  peer.socket.end()
  assert.deepEqual(await results[1], { outcome: 'unknown', code: 'connection_lost' })
  await boundAgain(provider, clock)
})

test('an unbind right behind the answer to the bind does not leave a dead session', async (t) => {
  let binds = 0
  const smsc = await rawSmsc((pdu, peer) => {
    if (pdu.command !== COMMAND.bindTransceiver || ++binds > 1) return undefined
    peer.socket.cork()
    peer.answer(pdu, 0, messageId('SMSC'))
    peer.send({ command: COMMAND.unbind, sequence: 1 })
    peer.socket.uncork()
    return 'handled'
  })
  t.after(smsc.close)
  const { provider, clock } = await openProvider(t, smsc.port)
  await until(() => smsc.received.some((pdu) => pdu.command === responseTo(COMMAND.unbind)))
  await boundAgain(provider, clock)
  assert.equal(binds, 2)
})

test('a silent SMSC is found out by enquire_link and left', async (t) => {
  const { provider, clock, smsc } = await withRaw(t, () => {})
  clock.advance(30_000)
  await until(() => smsc.received.some((pdu) => pdu.command === COMMAND.enquireLink))
  clock.advance(10_000)
  await until(() => provider.health().state === 'down')
  assert.equal(provider.health().detail, 'enquire_link timed out')
  await boundAgain(provider, clock)
})

test('a refused bind is not tried again for 30 s; other troubles are', async (t) => {
  const statuses = [0x0e, 0x08, 0]
  const smsc = await rawSmsc((pdu, peer) => {
    if (pdu.command !== COMMAND.bindTransceiver) return undefined
    peer.answer(pdu, statuses.shift(), messageId(''))
    return 'handled'
  })
  t.after(smsc.close)
  const { provider, clock, logs } = await openProvider(t, smsc.port)
  await until(() => provider.health().detail === 'bind refused: 0x0000000E')
  clock.advance(29_999)
  assert.equal(smsc.received.length, 1)
  clock.advance(1)
  await until(() => provider.health().detail === 'bind refused: 0x00000008')
  await boundAgain(provider, clock)
  assert.equal(JSON.stringify(logs).includes('secret'), false)
})

test('pauses between tries double up to 30 s, with full jitter, and begin anew after a stable session', async (t) => {
  let isRefusing = true
  const smsc = await rawSmsc((pdu, { socket }) => {
    if (!isRefusing || pdu.command !== COMMAND.bindTransceiver) return undefined
    socket.destroy()
    return 'handled'
  })
  t.after(smsc.close)
  const { provider, clock, world } = await openProvider(t, smsc.port)
  const ceilings: number[] = []
  world.random.int = (max) => {
    ceilings.push(max)
    return 0
  }
  for (let tries = 1; tries <= 11; tries++) {
    await until(() => ceilings.length === tries, `try ${tries}`)
    isRefusing = tries < 11
    clock.advance(1)
  }
  assert.deepEqual(ceilings.slice(0, 4), [100, 200, 400, 800])
  assert.deepEqual(ceilings.slice(8), [25_600, 30_000, 30_000])

  await until(isUp(provider))
  for (const stableMs of [0, 10_000]) {
    clock.advance(stableMs)
    smsc.peers.at(-1)?.socket.destroy()
    await until(() => provider.health().state === 'down')
    await boundAgain(provider, clock)
  }
  assert.deepEqual(ceilings.slice(11), [30_000, 100])
})

test('close takes no more, waits for what is under way, and unbinds', async (t) => {
  const asked: [Pdu, RawPeer][] = []
  const { provider, clock, smsc } = await withRaw(t, (pdu, peer) => asked.push([pdu, peer]))
  const sending = provider.send(outgoing(clock), never())
  await until(() => asked.length === 1)
  const closing = provider.close()
  assert.deepEqual(await provider.send(outgoing(clock), never()), { outcome: 'untried', code: 'closing' })
  const [pdu, peer] = asked[0] as [Pdu, RawPeer]
  peer.send({ command: COMMAND.enquireLink, sequence: 1 })
  await until(() => smsc.received.at(-1)?.command === responseTo(COMMAND.enquireLink))
  assert.equal(
    smsc.received.some(({ command }) => command === COMMAND.unbind),
    false,
  )
  peer.answer(pdu, 0, messageId('last'))
  assert.equal((await sending).outcome, 'accepted')
  await closing
  assert.equal(smsc.received.at(-1)?.command, COMMAND.unbind)
})

test('sequence numbers wrap, and pass over those that wait for an answer', () => {
  assert.equal(nextSequence(0, new Set()), 1)
  assert.equal(nextSequence(MAX_SEQUENCE - 1, new Set()), MAX_SEQUENCE)
  assert.equal(nextSequence(MAX_SEQUENCE, new Set([1, 2])), 3)
})

test('an SMSC that floods us with receipts has to wait until they are kept', async (t) => {
  const { peer, smsc, world } = await withRaw(t, () => {})
  const waiting: (() => void)[] = []
  let isHeld = true
  world.receipt = () => (isHeld ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve())
  const body = deliverSm('id:1 stat:DELIVRD')
  const count = 20_000
  for (let sequence = 1; sequence <= count; sequence++)
    peer.socket.write(encodePdu({ command: COMMAND.deliverSm, status: 0, sequence, body }))
  await until(() => waiting.length >= 500)
  // A turn of the loop each: more would have come by now.
  for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(waiting.length < 3000, `one chunk beyond the limit, not ${waiting.length}`)

  isHeld = false
  for (const resolve of waiting) resolve()
  await until(() => statusesOf(smsc.received, responseTo(COMMAND.deliverSm)).length === count)
})

test('what waits is bounded', async (t) => {
  const { provider, clock } = await withRaw(t, () => {}, { window: 1 })
  const caller = new AbortController()
  const sending = Array.from({ length: 1101 }, () => provider.send(outgoing(clock), caller.signal))
  assert.deepEqual(await sending.at(-1), { outcome: 'untried', code: 'queue_full' })
  caller.abort()
  const outcomes = (await Promise.all(sending)).map((result) => 'code' in result && result.code)
  assert.deepEqual(
    ['timeout', 'aborted', 'queue_full'].map((code) => outcomes.filter((c) => c === code).length),
    [1, 1000, 100],
  )
})
