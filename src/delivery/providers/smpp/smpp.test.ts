import assert from 'node:assert/strict'
import type { Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer, type Pdu as PeerPdu, type Session as PeerSession } from 'smpp'
import {
  boundAgain,
  listen,
  never,
  openProvider,
  outgoing,
  smppOptions,
  until,
} from '../../../../test/support/smpp-lab.ts'
import type { Provider, SendResult } from '../../provider.ts'
import { findFault } from './options.ts'

const isUp = (provider: Provider) => () => provider.health().state === 'up'

/** The unrelated implementation: npm `smpp` as SMSC. */
async function peerSmsc(t: TestContext, submit: (pdu: PeerPdu, session: PeerSession) => void, port = 0) {
  const sessions: PeerSession[] = []
  const binds: PeerPdu[] = []
  const server: Server = createServer({}, (session) => {
    sessions.push(session)
    session.on('error', () => {})
    session.on('pdu', (pdu) => {
      if (pdu.command.startsWith('bind_') && !pdu.command.endsWith('_resp')) {
        binds.push(pdu)
        session.send(pdu.response())
      }
      if (pdu.command === 'unbind' || pdu.command === 'enquire_link') session.send(pdu.response())
      if (pdu.command === 'submit_sm') submit(pdu, session)
    })
  })
  const stop = () => {
    server.close()
    for (const session of sessions) session.destroy()
  }
  t.after(stop)
  return { port: await listen(server, port), sessions, binds, stop }
}

test('a message goes out as configured, and its receipt comes back', async (t) => {
  const submits: PeerPdu[] = []
  const smsc = await peerSmsc(t, (pdu, session) => {
    submits.push(pdu)
    session.send(pdu.response({ message_id: 'm-1' }))
    session.deliver_sm({ esm_class: 4, short_message: 'id:m-1 stat:DELIVRD err:000 text:Your' })
  })
  const { provider, clock, receipts } = await openProvider(t, smsc.port, { system_type: 'OTP' })
  const result = await provider.send(outgoing(clock), never())

  assert.deepEqual(result, { outcome: 'accepted', messageId: 'm-1', segments: 1 })
  await until(() => receipts.length === 1)
  assert.deepEqual(receipts, [{ providerId: 'carrier', messageId: 'm-1', state: 'delivered' }])
  const { command, system_id, password, system_type, interface_version } = smsc.binds[0] as PeerPdu
  assert.deepEqual(
    { command, system_id, password, system_type, interface_version },
    {
      command: 'bind_transceiver',
      system_id: 'acme',
      password: 'secret',
      system_type: 'OTP',
      interface_version: 0x34,
    },
  )
  const submit = submits[0] as PeerPdu
  assert.deepEqual([submit.source_addr_ton, submit.source_addr_npi, submit.source_addr], [5, 0, 'Acme'])
  assert.deepEqual(
    [submit.dest_addr_ton, submit.dest_addr_npi, submit.destination_addr],
    [1, 1, '15551230000'],
  )
  assert.deepEqual([submit.data_coding, submit.registered_delivery, submit.esm_class], [0, 1, 0])
  assert.deepEqual(submit.short_message, { message: 'Your Acme code is 483920' })
})

test('UCS-2 and long texts arrive whole, by header, by SAR and by payload', async (t) => {
  const submits: PeerPdu[] = []
  const smsc = await peerSmsc(t, (pdu, session) => {
    submits.push(pdu)
    session.send(pdu.response({ message_id: String(submits.length) }))
  })
  const body = `${'Ваш код 483920. '.repeat(8)}😀`
  const texts = []
  for (const long of ['udh', 'sar', 'payload'] as const) {
    const { provider, clock } = await openProvider(t, smsc.port, { long })
    const result = await provider.send(outgoing(clock, '+15551230000', { body }), never())
    assert.equal(result.outcome === 'accepted' && result.segments, 2)
    const parts = submits.splice(0).map((pdu) => pdu.message_payload ?? pdu.short_message)
    texts.push(parts.map((part) => (typeof part === 'string' ? part : part.message)).join(''))
  }
  assert.deepEqual(texts, [body, body, body])
})

test('a long message is known by its last part; an earlier part counts only if it failed', async (t) => {
  let part = 0
  const smsc = await peerSmsc(t, (pdu, session) => session.send(pdu.response({ message_id: `p${++part}` })))
  const { provider, clock, receipts } = await openProvider(t, smsc.port)
  const result = await provider.send(outgoing(clock, '+15551230000', { body: 'x'.repeat(400) }), never())
  assert.deepEqual(result, { outcome: 'accepted', messageId: 'p3', segments: 3 })
  const session = smsc.sessions[0] as PeerSession
  let answered = 0
  for (const text of ['id:p1 stat:DELIVRD', 'id:p2 stat:UNDELIV err:027', 'id:p3 stat:DELIVRD'])
    session.deliver_sm({ esm_class: 4, short_message: text }, () => answered++)
  await until(() => answered === 3)
  assert.deepEqual(
    receipts.map((receipt) => [receipt.messageId, receipt.state, receipt.code]),
    [
      ['p3', 'undelivered', '027'],
      ['p3', 'delivered', undefined],
    ],
  )
})

test('a message that stops half-way is unknown; one that is refused at once is refused', async (t) => {
  let count = 0
  const smsc = await peerSmsc(t, (pdu, session) => {
    const fields = ++count === 2 || count === 3 ? { command_status: 0x0b } : { message_id: 'm' }
    session.send(pdu.response(fields))
  })
  const { provider, clock } = await openProvider(t, smsc.port)
  const send = () => provider.send(outgoing(clock, '+15551230000', { body: 'x'.repeat(400) }), never())
  assert.deepEqual(await send(), { outcome: 'unknown', code: 'partly_sent', detail: '0x0000000B' })
  assert.equal((await send()).outcome, 'rejected')
  assert.equal(count, 3)
})

test('the window is never exceeded and never left empty, over several sessions', async (t) => {
  const held: [PeerPdu, PeerSession][] = []
  let most = 0
  const smsc = await peerSmsc(t, (pdu, session) => {
    held.push([pdu, session])
    most = Math.max(most, held.filter(([, s]) => s === session).length)
  })
  const { provider, clock } = await openProvider(t, smsc.port, {
    window: 3,
    sessions: 2,
    throughput_per_s: 100_000,
  })
  await until(isUp(provider))
  const results = Array.from({ length: 100 }, () => provider.send(outgoing(clock), never()))
  for (let done = 0; done < 100; done++) {
    await until(() => held.length >= Math.min(6, 100 - done))
    const [pdu, session] = held.shift() as [PeerPdu, PeerSession]
    session.send(pdu.response({ message_id: `m${done}` }))
  }
  const ids = (await Promise.all(results)).map((result) => result.outcome === 'accepted' && result.messageId)
  assert.equal(new Set(ids).size, 100)
  assert.equal(most, 3)
})

test('split: one connection sends, the other one receives', async (t) => {
  const smsc = await peerSmsc(t, (pdu, session) => session.send(pdu.response({ message_id: 'm' })))
  const { provider, clock, receipts } = await openProvider(t, smsc.port, { bind: 'split' })
  await until(isUp(provider))
  assert.deepEqual(smsc.binds.map((bind) => bind.command).sort(), ['bind_receiver', 'bind_transmitter'])
  assert.equal((await provider.send(outgoing(clock), never())).outcome, 'accepted')
  const receiver = smsc.sessions[smsc.binds.findIndex((bind) => bind.command === 'bind_receiver')]
  receiver?.deliver_sm({ esm_class: 4, short_message: 'id:m stat:DELIVRD' })
  await until(() => receipts.length === 1)
  assert.equal(receipts[0]?.messageId, 'm')
})

test('what the SMSC says becomes a result, and throttling slows us down', async (t) => {
  let status = 0
  const smsc = await peerSmsc(t, (pdu, session) => session.send(pdu.response({ command_status: status })))
  const { provider, clock } = await openProvider(t, smsc.port, { vendor_status: { '0x0400': 'funds' } })
  const said: string[] = []
  for (status of [0x0b, 0x0a, 0x01, 0x66, 0x08, 0x45, 0x400, 0x401, 0x999, 0x14, 0x58]) {
    clock.advance(1000)
    const result = await provider.send(outgoing(clock), never())
    said.push(result.outcome === 'rejected' ? result.kind : result.outcome)
    assert.ok('code' in result && result.code === `0x${status.toString(16).toUpperCase().padStart(8, '0')}`)
  }
  assert.deepEqual(said, [
    'bad_number',
    'config',
    'content',
    'blocked',
    'busy',
    'busy',
    'funds',
    'blocked',
    'config',
    'busy',
    'busy',
  ])
  assert.equal(provider.health().detail, 'throttled to 64.0/s')
})

test('ids in hexadecimal in answers and in decimal in receipts meet', async (t) => {
  const smsc = await peerSmsc(t, (pdu, session) => session.send(pdu.response({ message_id: '0A1B' })))
  const { provider, clock, receipts } = await openProvider(t, smsc.port, {
    message_id_type: 'resp_hex_receipt_dec',
  })
  const result = await provider.send(outgoing(clock), never())
  smsc.sessions[0]?.deliver_sm({ esm_class: 4, short_message: 'id:0000002587 stat:DELIVRD' })
  await until(() => receipts.length === 1)
  assert.equal(result.outcome === 'accepted' && result.messageId, receipts[0]?.messageId)
})

test('an SMSC that answers enquire_link is kept', async (t) => {
  const smsc = await peerSmsc(t, () => {})
  const { provider, clock } = await openProvider(t, smsc.port)
  await until(isUp(provider))
  let enquiries = 0
  smsc.sessions[0]?.on('pdu', (pdu) => {
    if (pdu.command === 'enquire_link') enquiries++
  })
  for (const expected of [1, 2, 3]) {
    await until(() => {
      if (enquiries < expected) clock.advance(1_000)
      return enquiries === expected
    }, `enquiry ${expected}`)
  }
  assert.equal(provider.health().state, 'up')
  assert.equal(smsc.sessions.length, 1)
})

test('not connected is said soon, and a session that comes within half a second is used', async (t) => {
  const smsc = await peerSmsc(t, (pdu, session) => session.send(pdu.response({ message_id: 'm' })))
  smsc.stop()
  const { provider, clock } = await openProvider(t, smsc.port)
  const early = provider.send(outgoing(clock), never())
  clock.advance(500)
  assert.deepEqual(await early, { outcome: 'busy', code: 'not_connected' })
  assert.equal(provider.health().state, 'down')
  await until(() => provider.health().detail === 'ECONNREFUSED')
  await peerSmsc(t, (pdu, session) => session.send(pdu.response({ message_id: 'm' })), smsc.port)
  const waiting = provider.send(outgoing(clock), never())
  clock.advance(100)
  assert.equal((await waiting).outcome, 'accepted')
})

test('killed and restarted under load: each message is taken once or unknown, none is lost', async (t) => {
  const taken = new Map<string, number>()
  const take = (pdu: PeerPdu, session: PeerSession) => {
    taken.set(pdu.destination_addr, (taken.get(pdu.destination_addr) ?? 0) + 1)
    session.send(pdu.response({ message_id: pdu.destination_addr }))
  }
  let smsc = await peerSmsc(t, take)
  const { provider, clock } = await openProvider(t, smsc.port, { throughput_per_s: 100_000 })
  await until(isUp(provider))
  const results = new Map<string, SendResult>()
  const one = async (number: number) => {
    const to = `+1555${String(number).padStart(7, '0')}`
    results.set(to.slice(1), await provider.send(outgoing(clock, to), never()))
  }
  const load: Promise<void>[] = []
  for (let number = 0; number < 900; number++) {
    load.push(one(number))
    if (number % 300 === 299) {
      await until(() => results.size > number - 150)
      smsc.stop()
      await until(() => provider.health().state === 'down')
      smsc = await peerSmsc(t, take, smsc.port)
      await boundAgain(provider, clock)
    }
  }
  await Promise.all(load)
  const outcomes = [...results].map(([to, result]) => [result.outcome, taken.get(to) ?? 0] as const)
  assert.equal(outcomes.length, 900)
  // What was busy never left: the engine tries it again. Only what was in the windows is unknown.
  const most = { accepted: 1, unknown: 1, busy: 0, untried: 0, rejected: 0 }
  for (const [outcome, times] of outcomes) {
    assert.ok(times <= most[outcome], `${outcome}, but taken ${times} times`)
    if (outcome === 'accepted') assert.equal(times, 1)
  }
  assert.ok(outcomes.filter(([outcome]) => outcome === 'accepted').length > 400)
  assert.ok(outcomes.filter(([outcome]) => outcome === 'unknown').length <= 30)
})

test('a password longer than the standard allows needs to be asked for; an authority is a certificate', () => {
  const password = 'longer-than-8'
  const refused = findFault(smppOptions(1, { password }))
  assert.equal(refused?.option, 'password')
  assert.match(refused.fault, /allow_long_password/)
  assert.ok(!refused.fault.includes(password))
  assert.equal(findFault(smppOptions(1, { password, allow_long_password: true })), undefined)
  assert.equal(findFault(smppOptions(1, { tls_ca: 'no certificate' }))?.option, 'tls_ca')
})
