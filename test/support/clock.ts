import type { Clock } from '../../src/clock.ts'

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A clock that stands until it is told to go on. */
export interface FakeClock extends Clock {
  /** `advance('10m')`: moves on, running what is due at its time and in order; lets what it started settle. */
  advance(by: string): Promise<void>
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

export function fakeClock(startMs = Date.parse('2026-11-20T12:00:00Z')): FakeClock {
  let now = startMs
  let timers: { atMs: number; run: () => void }[] = []
  return {
    now: () => now,
    after(ms, run) {
      const timer = { atMs: now + ms, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    async advance(by) {
      const [, amount, unit] = /^([\d.]+)(ms|s|m|h|d)$/.exec(by) ?? []
      const end = now + Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN)
      assertFinite(end, by)
      for (;;) {
        const next = timers.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
        if (!next) break
        now = Math.max(now, next.atMs)
        timers = timers.filter((other) => other !== next)
        next.run()
        await settle()
      }
      now = end
      await settle()
    },
  }
}

/** A clock without timers: days pass at once, and without the queue's look each second. */
export interface TimerlessClock extends Clock {
  pass(ms: number): void
}

export function timerlessClock(startMs = Date.parse('2026-11-20T12:30:00Z')): TimerlessClock {
  let now = startMs
  return {
    now: () => now,
    after: () => () => {},
    pass(ms) {
      now += ms
    },
  }
}

function assertFinite(end: number, by: string): void {
  if (!Number.isFinite(end)) throw new Error(`not a length of time: ${by}`)
}
