import type { Context } from '../../context.ts'
import { DAY_MS } from './period.ts'
import { addUsage } from './store.ts'

/**
 * Counts the requests of accounts in memory: a row for each would cost more than the request. Flushed every ten
 * seconds; a process that dies loses what it counted since.
 */
export interface CallCounts {
  add(accountSid: string): void
  flush(): Promise<void>
}

export function countCalls({ clock, storage }: Pick<Context, 'clock' | 'storage'>): CallCounts {
  let day = 0
  let counts = new Map<string, number>()
  /** Of days that are over, and what could not be written. */
  let waiting: { accountSid: string; day: number; count: number }[] = []

  function take(): void {
    for (const [accountSid, count] of counts) waiting.push({ accountSid, day, count })
    counts = new Map()
  }

  return {
    add(accountSid) {
      const today = Math.floor(clock.now() / DAY_MS)
      if (today !== day) {
        take()
        day = today
      }
      counts.set(accountSid, (counts.get(accountSid) ?? 0) + 1)
    },
    async flush() {
      take()
      const written = waiting
      if (written.length === 0) return
      waiting = []
      // In one order on all nodes: two that write the same accounts wait for each other, and do not lock each other out.
      const inOrder = written.toSorted((a, b) => (a.accountSid < b.accountSid ? -1 : 1))
      try {
        await storage.system.write(async (tx) => {
          for (const row of inOrder) await addUsage(tx, { ...row, meter: 'api', priceMicros: 0 })
        })
      } catch (error) {
        waiting.push(...written)
        throw error
      }
    },
  }
}
