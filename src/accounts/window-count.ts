import { BoundedMap } from '../bounded-map.ts'
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
  const windows = new BoundedMap<string, { count: number; endsAtMs: number }>(MAX_KEYS)
  /** Until when the keys wait that reached the limit. Apart, as keys that did not are cheap: a flood of them frees nobody. */
  const waits = new BoundedMap<string, number>(MAX_KEYS)

  const waitMs = (key: string) => Math.max(0, (waits.get(key) ?? 0) - clock.now())

  function add(key: string): void {
    if (waitMs(key) > 0) return
    const now = clock.now()
    let window = windows.get(key)
    if (!window || now >= window.endsAtMs) {
      window = { count: 0, endsAtMs: now + windowMs }
      windows.delete(key)
      windows.set(key, window)
    }
    window.count++
    if (window.count < limit) return
    windows.delete(key)
    waits.delete(key)
    waits.set(key, window.endsAtMs)
  }

  return { waitMs, add }
}
