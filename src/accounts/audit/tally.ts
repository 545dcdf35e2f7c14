import type { Clock } from '../../clock.ts'

const MINUTE_MS = 60_000

/** How often something came in one minute. */
export interface Tally<T> {
  what: T
  minuteMs: number
  count: number
}

/** What comes at will, to be written once a minute. */
export interface MinuteTallies<T> {
  add(what: T): void
  /** Of the minutes that are over, or of all. They stay until they are dropped. */
  list(all: boolean): Tally<T>[]
  drop(tallies: readonly Tally<T>[]): void
}

/** What has the same key is counted together. Beyond `max` keys things are told apart only as far as `coarse` leaves them. */
export function tallyMinutes<T>(
  clock: Clock,
  max: number,
  { keyOf, coarse }: { keyOf: (what: T) => string; coarse: (what: T) => T },
): MinuteTallies<T> {
  const tallies = new Map<string, Tally<T>>()
  const placeOf = ({ minuteMs, what }: Pick<Tally<T>, 'minuteMs' | 'what'>) => `${minuteMs} ${keyOf(what)}`
  return {
    add(what) {
      const minuteMs = Math.floor(clock.now() / MINUTE_MS) * MINUTE_MS
      const told = tallies.has(placeOf({ minuteMs, what })) || tallies.size < max ? what : coarse(what)
      const place = placeOf({ minuteMs, what: told })
      const tally = tallies.get(place) ?? { what: told, minuteMs, count: 0 }
      tally.count++
      tallies.set(place, tally)
    },
    list: (all) => [...tallies.values()].filter(({ minuteMs }) => all || minuteMs + MINUTE_MS <= clock.now()),
    drop(gone) {
      for (const tally of gone) tallies.delete(placeOf(tally))
    },
  }
}
