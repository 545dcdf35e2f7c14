import type { Clock } from '../clock.ts'

/** Counts what happens per key, in windows that begin with the first. In memory, and of this node alone. */
export interface WindowCount {
  /** How long until the key may go on, in ms; 0 where it may now. */
  waitMs(key: string): number
  add(key: string): void
}

/** So many keys take some megabytes; beyond that the oldest is forgotten, which ends first anyway. */
const MAX_KEYS = 50_000

/** At most `limit` per key in `windowMs`. */
export function countInWindows(clock: Clock, limit: number, windowMs: number): WindowCount {
  const windows = new Map<string, { count: number; endsAtMs: number }>()
  const current = (key: string) => {
    const window = windows.get(key)
    if (!window || clock.now() < window.endsAtMs) return window
    windows.delete(key)
    return undefined
  }
  return {
    waitMs(key) {
      const window = current(key)
      return window && window.count >= limit ? window.endsAtMs - clock.now() : 0
    },
    add(key) {
      const window = current(key)
      if (window) window.count++
      else {
        dropOldest(windows, MAX_KEYS)
        windows.set(key, { count: 1, endsAtMs: clock.now() + windowMs })
      }
    },
  }
}

/** Makes room for one more. A map is in the order in which its keys were set. */
export function dropOldest(map: Map<string, unknown>, size: number): void {
  const oldest = map.size >= size ? map.keys().next().value : undefined
  if (oldest !== undefined) map.delete(oldest)
}
