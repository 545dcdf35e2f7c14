import type { Bed } from './database.ts'
import { type Post, type Result, runLoad } from './load.ts'
import { recipient } from './recipients.ts'
import { AUTHORIZATION, processorMs, type Target } from './target.ts'

const CONNECTIONS = 64

/** How often something is measured, and how long each time. */
export interface Rounds {
  count: number
  seconds: number
}

export const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** With the processor time of the servers per request, where the system tells it. */
interface Measured extends Result {
  micros?: number
}

/** A verification that was sent and waits for its check. */
export interface Sent {
  to: string
  code: string
}

let recipients = 0

/** Loads of one service on one or more servers that share a database. */
export type Loads = ReturnType<typeof load>

export function load(bed: Bed, targets: Target[], serviceSid: string, authorization = () => AUTHORIZATION) {
  const path = `/v2/Services/${serviceSid}`
  const first = targets[0] as Target

  const nextCreate = (): Post => ({
    path: `${path}/Verifications`,
    form: `To=${encodeURIComponent(recipient(recipients++))}&Channel=sms`,
  })
  const checksOf = (sent: Sent[]) => (): Post | undefined => {
    const next = sent.pop()
    return (
      next && {
        path: `${path}/VerificationCheck`,
        form: `To=${encodeURIComponent(next.to)}&Code=${encodeURIComponent(next.code)}`,
      }
    )
  }

  async function all(
    next: () => Post | undefined,
    limits: { seconds?: number; rate?: number },
  ): Promise<Result> {
    const results = await Promise.all(
      targets.map(({ url }) =>
        runLoad({
          url,
          authorization,
          connections: CONNECTIONS / targets.length,
          next,
          ...limits,
          ...(limits.rate && { rate: limits.rate / targets.length }),
        }),
      ),
    )
    const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0)
    return {
      requests: sum(({ requests }) => requests),
      perSecond: sum(({ perSecond }) => perSecond),
      p50Ms: Math.max(...results.map(({ p50Ms }) => p50Ms)),
      p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
    }
  }

  async function withMicros(work: () => Promise<Result>): Promise<Measured> {
    const spentMs = () => targets.reduce((sum, target) => sum + processorMs(target), 0)
    const beforeMs = spentMs()
    const result = await work()
    const micros = ((spentMs() - beforeMs) / result.requests) * 1000
    return { ...result, ...(micros > 0 && { micros }) }
  }

  /** Resolves when no message waits to be sent. */
  async function queueEmpty(): Promise<void> {
    const untilMs = performance.now() + 120_000
    while ((await bed.query<{ n: number }>(WAITING)).n > 0) {
      if (performance.now() > untilMs) throw new Error('the queue does not get empty')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Reads and opens each of the newest messages, as whoever may read the inbox does. */
  async function readMessages(count: number): Promise<Sent[]> {
    const sent: Sent[] = []
    let page: string | null = `${first.url}/inbox/messages?PageSize=1000`
    while (page && sent.length < count) {
      const reply: Response = await fetch(page, { headers: { authorization: AUTHORIZATION } })
      const { messages, meta } = (await reply.json()) as {
        messages: Sent[]
        meta: { next_page_url: string | null }
      }
      for (const { to, code } of messages) sent.push({ to, code })
      page = meta.next_page_url
    }
    const people = new Set(sent.slice(0, count).map(({ to }) => to))
    if (people.size !== count) throw new Error(`${count} were created, ${people.size} are in the inbox`)
    return sent.slice(0, count)
  }

  async function create(
    next: () => Post | undefined,
    limits: { seconds?: number; rate?: number },
  ): Promise<{ result: Measured; sent: Sent[] }> {
    const result = await withMicros(async () => {
      const startedMs = performance.now()
      const created = await all(next, limits)
      await queueEmpty()
      return { ...created, perSecond: (created.requests / (performance.now() - startedMs)) * 1000 }
    })
    return { result, sent: await readMessages(result.requests) }
  }

  return {
    /** Creates until the time is over and all is delivered: that counts as well. */
    create: (seconds: number, rate?: number) => create(nextCreate, { seconds, ...(rate && { rate }) }),
    /** The same with that many creates, however long it takes. */
    createMany(count: number) {
      let left = count
      return create(() => (left-- > 0 ? nextCreate() : undefined), {})
    },
    /** Creates whose messages nobody sends. */
    createOnly: (seconds: number) => all(nextCreate, { seconds }),
    /** Checks each with its own right code: all are approved. */
    async check(sent: Sent[], rate?: number): Promise<Measured> {
      const result = await withMicros(() => all(checksOf([...sent]), rate ? { rate } : {}))
      const { n } = await bed.query<{ n: number }>(OPEN)
      if (n > 0) throw new Error(`${n} of ${result.requests} are still open after a right code`)
      return result
    },
    /** The same requests to a server that only answers. */
    async raw({ url }: Target, sent: Sent[], seconds: number): Promise<{ create: Result; check: Result }> {
      const run = (next: () => Post | undefined) =>
        runLoad({ url, authorization, connections: CONNECTIONS, next, seconds })
      let n = 0
      const again = (): Post => {
        const { to, code } = sent[n++ % sent.length] as Sent
        return { path: `${path}/VerificationCheck`, form: `To=${encodeURIComponent(to)}&Code=${code}` }
      }
      return { create: await run(nextCreate), check: await run(again) }
    },
  }
}

const WAITING = 'select cast(count(*) as integer) as n from attempt where due_at is not null'
const OPEN = 'select cast(count(*) as integer) as n from verification where open = 1'
