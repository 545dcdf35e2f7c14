/** What tests of the SMPP provider need: a clock to turn, a world to look at, an SMSC that does as it is told. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { Value } from 'typebox/value'
import type { Incoming, Outgoing, Provider, ProviderWorld, Receipt } from '../../src/delivery/provider.ts'
import { SmppOptions } from '../../src/delivery/providers/smpp/options.ts'
import {
  COMMAND,
  createFramer,
  encodePdu,
  type Pdu,
  responseTo,
} from '../../src/delivery/providers/smpp/pdu.ts'
import { openSmpp } from '../../src/delivery/providers/smpp/smpp.ts'

export function testClock() {
  let now = Date.UTC(2026, 0, 1)
  const timers = new Set<{ atMs: number; run: () => void }>()
  return {
    now: () => now,
    after(ms: number, run: () => void) {
      const timer = { atMs: now + ms, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    advance(ms: number) {
      const until = now + ms
      for (;;) {
        const due = [...timers].filter((t) => t.atMs <= until).sort((a, b) => a.atMs - b.atMs)[0]
        if (!due) break
        now = Math.max(now, due.atMs)
        timers.delete(due)
        due.run()
      }
      now = until
    },
  }
}
export type TestClock = ReturnType<typeof testClock>

export function testWorld() {
  const clock = testClock()
  const receipts: Receipt[] = []
  const incoming: Incoming[] = []
  const logs: { fields: object; message: string }[] = []
  const note = (fields: object, message: string) => void logs.push({ fields, message })
  const world: ProviderWorld = {
    clock,
    random: { bytes: (length) => Buffer.alloc(length), int: () => 0 },
    log: { info: note, warn: note, error: note },
    receipt: async (receipt) => void receipts.push(receipt),
    incoming: async (message) => void incoming.push(message),
  }
  return { world, clock, receipts, incoming, logs }
}

/** Options as the configuration loader makes them: defaults filled in, validated. */
export function smppOptions(port: number, more: Partial<SmppOptions> = {}): SmppOptions {
  const source = { addr: 'Acme' }
  const given = { host: '127.0.0.1', port, system_id: 'acme', password: 'secret', source, ...more }
  return Value.Decode(SmppOptions, Value.Default(SmppOptions, given))
}

/** An open provider, which closes when the test is over. */
export async function openProvider(t: TestContext, port: number, more: Partial<SmppOptions> = {}) {
  const { world, clock, receipts, incoming, logs } = testWorld()
  const provider = openSmpp('carrier', smppOptions(port, more), world)
  let isDone = false
  // Unbinding from a peer that is silent or gone takes the clock.
  t.after(async () => {
    void provider.close().then(() => {
      isDone = true
    })
    await until(() => {
      clock.advance(1000)
      return isDone
    }, 'close')
  })
  return { provider, world, clock, receipts, incoming, logs }
}

let sent = 0
export function outgoing(clock: TestClock, to = '+15551230000', more: Partial<Outgoing> = {}): Outgoing {
  const number = ++sent
  return {
    accountSid: 'AC1',
    sid: `VL${number}`,
    verificationSid: `VE${number}`,
    channel: 'sms',
    to,
    body: 'Your Acme code is 483920',
    code: '483920',
    locale: 'en',
    expiresAtMs: clock.now() + 600_000,
    ...more,
  }
}

export const never = () => new AbortController().signal

/** Resolves once the condition holds. The loop turns on real I/O; a condition that never comes fails the test. */
export async function until(condition: () => boolean, what = condition.toString()): Promise<void> {
  const limit = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > limit) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Turns the clock until the provider is bound again. A millisecond a turn of the loop: time-outs, which are
 * seconds, stay far behind the real connection that is being made.
 */
export async function boundAgain(provider: Provider, clock: TestClock): Promise<void> {
  await until(() => {
    if (provider.health().state !== 'up') clock.advance(1)
    return provider.health().state === 'up'
  }, 'bound again')
}

export async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

export interface RawPeer {
  socket: Socket
  send(pdu: Partial<Pdu> & { command: number }): void
  answer(pdu: Pdu, status?: number, body?: Buffer): void
}

/**
 * An SMSC that accepts every bind and hands all else to `take`; for what no well-behaved one does.
 * `take` may return 'handled' for a bind to answer it itself.
 */
export async function rawSmsc(take: (pdu: Pdu, peer: RawPeer) => undefined | 'handled', port = 0) {
  const peers: RawPeer[] = []
  const received: Pdu[] = []
  const server = createServer((socket) => {
    const peer: RawPeer = {
      socket,
      send: (pdu) => void socket.write(encodePdu({ status: 0, sequence: 1, body: Buffer.alloc(0), ...pdu })),
      answer: ({ command, sequence }, status = 0, body = Buffer.alloc(0)) =>
        void socket.write(encodePdu({ command: responseTo(command), status, sequence, body })),
    }
    peers.push(peer)
    const framer = createFramer((pdu) => {
      received.push(pdu)
      if (take(pdu, peer) === 'handled') return
      const isBind = pdu.command === COMMAND.bindTransceiver || pdu.command <= COMMAND.bindTransmitter
      if (isBind) peer.answer(pdu, 0, Buffer.from('SMSC\0'))
      if (pdu.command === COMMAND.unbind) peer.answer(pdu)
    })
    socket.on('data', (chunk: Buffer) => framer.take(chunk))
    socket.on('error', () => {})
  })
  return {
    port: await listen(server, port),
    peers,
    received,
    close() {
      server.close()
      for (const { socket } of peers) socket.destroy()
    },
  }
}
