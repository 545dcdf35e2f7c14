/** Carriers that answer as a test says, and the server whose messages they carry. */
import { Circuit } from '../../src/delivery/choose.ts'
import type { Channel, Outgoing, Provider, SendResult } from '../../src/delivery/provider.ts'
import { DeliveryQueue } from '../../src/delivery/queue.ts'
import { type FakeClock, fakeClock } from './clock.ts'
import { type TestServer, testServer } from './server.ts'

export interface Carrier extends Provider {
  /** What it was given, in order. */
  sent: Outgoing[]
}

type Answer = (message: Outgoing, signal: AbortSignal) => SendResult | Promise<SendResult>

/** Without `answer` it takes everything; its message ids are `<id>-1`, `<id>-2` … */
export function carrier(id: string, answer?: Answer): Carrier {
  const sent: Outgoing[] = []
  return {
    id,
    hasReceipts: true,
    capacity: () => Number.POSITIVE_INFINITY,
    sent,
    async send(message, signal) {
      sent.push(message)
      return answer ? answer(message, signal) : { outcome: 'accepted', messageId: `${id}-${sent.length}` }
    },
    health: () => ({ state: 'up', sinceMs: 0 }),
    close: async () => {},
  }
}

export const busy = (retryAfterMs?: number): SendResult => ({
  outcome: 'busy',
  code: 'slow',
  ...(retryAfterMs !== undefined && { retryAfterMs }),
})
export const unknown: SendResult = { outcome: 'unknown', code: 'lost' }
export const accepted = (messageId: string): SendResult => ({ outcome: 'accepted', messageId })
export const rejected = (kind: (SendResult & { outcome: 'rejected' })['kind']): SendResult => ({
  outcome: 'rejected',
  kind,
  code: `no-${kind}`,
})

export type Routes = Partial<Record<Channel, Carrier[]>>

/** A queue of its own over the server's database, as another node has one. Does not run yet. */
export function makeQueue(ctx: TestServer['ctx'], routes: Routes): DeliveryQueue {
  return new DeliveryQueue(
    ctx,
    new Map(
      Object.entries(routes).map(([channel, carriers]) => [
        channel as Channel,
        carriers.map((provider) => ({ provider, circuit: new Circuit(ctx.clock) })),
      ]),
    ),
  )
}

export interface DeliveryLab {
  server: TestServer
  clock: FakeClock
  /** Puts another queue, which runs, in the place of the server's. */
  carryBy(routes: Routes): Promise<DeliveryQueue>
  /** The same, of a process that stands still: no timer of it fires, and no lease ends for it. */
  carryByStalled(routes: Routes): Promise<DeliveryQueue>
  /** Moves on by whole seconds; before and after each, all that is under way has ended. */
  seconds(count: number): Promise<void>
  /** What `/v2/Attempts` and `/delivery/attempts` tell of the newest send to a recipient. */
  tell(to: string): Promise<Told>
}

export interface Told {
  sid: string
  status: string
  errorCode: string | null
  /** Provider and outcome of each hand-over; after a colon the carrier's code. */
  handovers: string[]
}

/** A server on a clock that stands, its messages carried by the given carriers. */
export async function deliveryLab(routes: Routes, env: NodeJS.ProcessEnv = {}): Promise<DeliveryLab> {
  const clock = fakeClock()
  const server = await testServer({ clock, env })
  const { ctx } = server
  let running: DeliveryQueue | undefined = ctx.delivery
  const lab: DeliveryLab = {
    server,
    clock,
    async carryBy(others) {
      await running?.close()
      running = makeQueue(ctx, others)
      ctx.delivery = running
      await running.start()
      return running
    },
    async carryByStalled(others) {
      await running?.close()
      running = undefined
      const nowMs = clock.now()
      const stalled = { ...ctx, clock: { now: () => nowMs, after: () => () => {} } }
      ctx.delivery = makeQueue(stalled, others)
      return ctx.delivery
    },
    async seconds(count) {
      await ctx.delivery.drained()
      for (let i = 0; i < count; i++) {
        await clock.advance('1s')
        await ctx.delivery.drained()
      }
    },
    async tell(to) {
      const list = await server.get(`/v2/Attempts?ChannelData.To=${encodeURIComponent(to)}`)
      const [{ sid, channel_data }] = list.body.attempts
      const { body } = await server.get(`/delivery/attempts/${sid}`)
      return {
        sid,
        status: body.status,
        errorCode: channel_data.error_code,
        handovers: body.handovers.map(
          (h: { provider: string; outcome: string; code: string | null }) =>
            `${h.provider} ${h.outcome}${h.code === null ? '' : `: ${h.code}`}`,
        ),
      }
    },
  }
  await lab.carryBy(routes)
  return lab
}

/** Resolves once the condition holds. The loop turns on real I/O; a condition that never comes fails the test. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = condition.toString(),
): Promise<void> {
  const limit = performance.now() + 15_000
  while (!(await condition())) {
    if (performance.now() > limit) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
