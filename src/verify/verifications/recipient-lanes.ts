import type { Clock } from '../../clock.ts'
import { fail } from '../../http/errors.ts'

const MAX_WAITING_CREATES = 50

/** What the requests about one recipient share while any of them is under way. */
export interface Lane {
  /** The verification that is known to have no guesses left. */
  exhausted: { sid: string; expiresAtMs: number } | undefined
}

interface OpenLane extends Lane {
  tail: Promise<unknown>
  under: number
  creates: number
}

/**
 * Requests that decide upon one recipient go one at a time, before they take a connection: else 1,000 guesses of one
 * code hold all connections on one row lock and everybody waits.
 */
export class RecipientLanes {
  readonly #lanes = new Map<string, OpenLane>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws 60212 when 50 creates for the recipient wait already. */
  create<T>(slot: string, work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = this.#enter(slot)
    if (lane.creates >= MAX_WAITING_CREATES) return Promise.reject(fail.tooManyConcurrent())
    lane.creates++
    return this.#take(slot, lane, work).finally(() => lane.creates--)
  }

  /** Throws 60202 from memory once the lane has seen that no guesses are left; `sid` where the check names one. */
  check<T>(slot: string, sid: string | undefined, work: (lane: Lane) => Promise<T>): Promise<T> {
    return this.#take(slot, this.#enter(slot), (lane) => {
      const { exhausted } = lane
      const isMeant = exhausted && (sid === undefined || sid === exhausted.sid)
      if (isMeant && this.#clock.now() < exhausted.expiresAtMs) throw fail.maxChecks()
      return work(lane)
    })
  }

  /** For an update of the status. */
  update<T>(slot: string, work: (lane: Lane) => Promise<T>): Promise<T> {
    return this.#take(slot, this.#enter(slot), work)
  }

  #enter(slot: string): OpenLane {
    let lane = this.#lanes.get(slot)
    if (!lane) {
      lane = { tail: Promise.resolve(), under: 0, creates: 0, exhausted: undefined }
      this.#lanes.set(slot, lane)
    }
    return lane
  }

  async #take<T>(slot: string, lane: OpenLane, work: (lane: Lane) => Promise<T>): Promise<T> {
    lane.under++
    const before = lane.tail
    const turn = lane.under === 1 ? Promise.try(work, lane) : before.then(() => work(lane))
    lane.tail = turn.catch(() => {})
    try {
      return await turn
    } finally {
      if (--lane.under === 0) this.#lanes.delete(slot)
    }
  }
}
