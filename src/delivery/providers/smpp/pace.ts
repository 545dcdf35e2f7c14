import type { Clock } from '../../../clock.ts'

const RECOVERY_MS = 10_000
const SLOW_DOWN_MS = 1_000

export interface Pace {
  /** 0: go on, a token was taken. Else how many milliseconds to wait before asking again. */
  take(): number
  /** How many could be taken within so many milliseconds. */
  within(ms: number): number
  /** The carrier said it is too fast. */
  slowDown(): void
  /** Messages a second at present. */
  rate(): number
}

/**
 * A token bucket that gives way: each complaint costs a fifth of the rate, every ten seconds without one give a
 * twentieth of the configured rate back. It holds a tenth of a second's tokens, since carriers count by the second.
 */
export function createPace(clock: Clock, perSecond: number): Pace {
  let rate = perSecond
  let tokens = Math.max(1, perSecond / 10)
  let filledAtMs = clock.now()
  let complainedAtMs = Number.NEGATIVE_INFINITY
  let changedAtMs = 0

  function refill() {
    const now = clock.now()
    while (rate < perSecond && now - changedAtMs >= RECOVERY_MS) {
      rate = Math.min(perSecond, rate + perSecond * 0.05)
      changedAtMs += RECOVERY_MS
    }
    tokens = Math.min(Math.max(1, rate / 10), tokens + (Math.max(0, now - filledAtMs) * rate) / 1000)
    filledAtMs = now
  }

  return {
    take() {
      refill()
      if (tokens < 1) return Math.max(1, Math.ceil(((1 - tokens) * 1000) / rate))
      tokens--
      return 0
    },
    within(ms) {
      refill()
      return Math.floor(tokens + (ms * rate) / 1000)
    },
    slowDown() {
      refill()
      tokens = 0
      // A whole window of refusals is one complaint.
      if (clock.now() - complainedAtMs < SLOW_DOWN_MS) return
      rate = Math.max(rate * 0.8, perSecond / 100)
      complainedAtMs = clock.now()
      changedAtMs = complainedAtMs
    },
    rate: () => rate,
  }
}
