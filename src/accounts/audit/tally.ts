import type { Clock } from '../../clock.ts'

const MINUTE_MS = 60_000

/** How often something came in one minute. */
export interface Tally<T> {
  what: T
  minuteMs: number
  count: number
}

/** What comes at will, to be written once a minute. At most `max` are told apart; the others are counted as one. */
export interface MinuteTallies<T> {
  add(key: string, what: T): void
  /** Of the minutes that are over, or of all. They stay until they are dropped. */
  list(all: boolean): Tally<T>[]
  drop(tallies: readonly Tally<T>[]): void
}

/** `others` stands for what exceeds `max`. */
export function tallyMinutes<T>(clock: Clock, max: number, others: T): MinuteTallies<T> {
  const tallies = new Map<string, Tally<T>>()
  return {
    add(key, what) {
      const minuteMs = Math.floor(clock.now() / MINUTE_MS) * MINUTE_MS
      const own = `${minuteMs} ${key}`
      const isNew = !tallies.has(own)
      const place = isNew && tallies.size >= max ? `${minuteMs}` : own
      const tally = tallies.get(place) ?? { what: place === own ? what : others, minuteMs, count: 0 }
      tally.count++
      tallies.set(place, tally)
    },
    list: (all) => [...tallies.values()].filter(({ minuteMs }) => all || minuteMs + MINUTE_MS <= clock.now()),
    drop(gone) {
      for (const [key, tally] of tallies) if (gone.includes(tally)) tallies.delete(key)
    },
  }
}
