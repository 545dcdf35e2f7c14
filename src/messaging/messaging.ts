import type { Context } from '../context.ts'
import type { Route } from '../delivery/choose.ts'
import { RowQueue } from '../row-queue.ts'
import { ANSWER_LEASE_MS, answerMessage } from './inbound/answer.ts'
import { deliverMessage, SEND_LEASE_MS } from './messages/deliver.ts'
import type { Message } from './messages/message.ts'
import { freeLeases, lease, listDue, type Queue } from './messages/store.ts'

/** The queues of messages: those that go out, and those that came in and have to be answered. */
export interface Messaging {
  sends: RowQueue<Message>
  answers: RowQueue<Message>
  start(): Promise<void>
  /** Takes no more; resolves when what is under way has ended. */
  close(): Promise<void>
  /** Resolves when nothing is under way here: an answer's replies neither. */
  drained(): Promise<void>
}

/** Fewer than codes may have: whoever sends to many keeps no code waiting. */
const MAX_SENDS = 64
/** Half of them: whoever sends to many keeps no other account waiting. */
const MAX_SENDS_OF_ACCOUNT = 32
const MAX_ANSWERS = 50
const MAX_ANSWERS_OF_ACCOUNT = 10

/** `routes`: the providers of `sms`, in order, whose circuits are shared with codes. */
export function openMessaging(ctx: Context, routes: readonly Route[]): Messaging {
  const routesFrom = (number: string) => {
    const ids = ctx.config.numbers[number]
    if (!ids) return routes
    return ids.flatMap((id) => routes.find(({ provider }) => provider.id === id) ?? [])
  }
  const sends = openQueue(ctx, 'send', [MAX_SENDS, MAX_SENDS_OF_ACCOUNT], SEND_LEASE_MS, (message) =>
    deliverMessage(ctx, routesFrom(message.from), message),
  )
  const answers = openQueue(
    ctx,
    'answer',
    [MAX_ANSWERS, MAX_ANSWERS_OF_ACCOUNT],
    ANSWER_LEASE_MS,
    (message) => answerMessage(ctx, message),
  )
  return {
    sends,
    answers,
    async start() {
      const { engine, system } = ctx.storage
      // Nobody else can hold a row there.
      if (engine === 'sqlite') await system.write((tx) => freeLeases(tx, ctx.clock.now()))
      sends.start()
      answers.start()
    },
    async close() {
      await answers.close()
      await sends.close()
    },
    async drained() {
      await answers.drained()
      await sends.drained()
    },
  }
}

function openQueue(
  ctx: Context,
  queue: Queue,
  [maxUnderWay, maxOfAccount]: readonly [number, number],
  leaseMs: number,
  process: (message: Message) => Promise<void>,
): RowQueue<Message> {
  const { clock, storage } = ctx
  const { system } = storage
  return new RowQueue(ctx, {
    name: queue,
    maxUnderWay,
    maxOfAccount,
    process,
    listDue: (limit) => listDue(system, queue, clock.now(), limit),
    async take(message) {
      const dueAtMs = clock.now() + leaseMs
      const taken = await system.write((tx) => lease(tx, message, dueAtMs))
      return taken === 1 ? { ...message, dueAtMs } : undefined
    },
  })
}
