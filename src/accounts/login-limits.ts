import { subscriberOf } from '../addresses.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Clock } from '../clock.ts'
import { countInWindows } from './window-count.ts'

const WINDOW_MS = 60_000
const PER_ADDRESS = 10
const PER_USER = 100
const TRUSTED_MS = 86_400_000
/** A success renews its trust at most this often. */
const RENEW_MS = 3_600_000
const MAX_TRUSTED = 100_000
const MAX_RECENT = 20_000
/** A sid; what is longer is no user's name, and not to be kept. */
const MAX_NAME = 34

/**
 * Slows down who guesses secrets, without locking the owner out: an address from which a user logged in within a day is
 * never slowed for that user. Counted is the name that was given, whether there is such a user or not.
 */
export interface LoginLimits {
  /**
   * Where the next try would have to wait: looks whether the user logged in from there on another node, or before this
   * one's last start. `waitSeconds` knows it then.
   */
  recall(address: string, user: string): Promise<void>
  /** How long the next try has to wait, in seconds; 0 where it need not. */
  waitSeconds(address: string, user: string): number
  failed(address: string, user: string): void
  succeeded(address: string, user: string): void
}

/** Since when a user's log-ins count, in ms since 1970 → those that are written down. */
type ListLogins = (user: string, sinceMs: number) => Promise<readonly { sourceIp: string; atMs: number }[]>

export function limitLogins(clock: Clock, listLogins: ListLogins): LoginLimits {
  const byAddress = countInWindows(clock, PER_ADDRESS, WINDOW_MS)
  const byUser = countInWindows(clock, PER_USER, WINDOW_MS)
  /** When a user last logged in from an address. */
  const trusted = new BoundedMap<string, number>(MAX_TRUSTED)
  /** What was or is looked for of a user and an address, and until when that need not be done again. */
  const recalled = new BoundedMap<string, { done: Promise<void>; untilMs: number }>(MAX_RECENT)
  /** From where a user came last: spares most requests all that is below. */
  const recent = new BoundedMap<string, { address: string; untilMs: number }>(MAX_RECENT)

  const nameOf = (user: string) => user.slice(0, MAX_NAME)
  const pairOf = (address: string, user: string) => `${subscriberOf(address)} ${nameOf(user)}`
  const isTrusted = (pair: string) => {
    const sinceMs = trusted.get(pair)
    return sinceMs !== undefined && clock.now() - sinceMs < TRUSTED_MS
  }

  const isRecent = (address: string, user: string) => {
    const last = recent.get(user)
    return last !== undefined && last.address === address && clock.now() < last.untilMs
  }

  function waitSeconds(address: string, user: string): number {
    if (isRecent(address, user) || isTrusted(pairOf(address, user))) return 0
    const waitMs = Math.max(byAddress.waitMs(subscriberOf(address)), byUser.waitMs(nameOf(user)))
    return Math.ceil(waitMs / 1000)
  }

  function trust(pair: string, atMs: number): void {
    trusted.delete(pair)
    trusted.set(pair, atMs)
  }

  async function lookFor(address: string, user: string): Promise<void> {
    const logins = await listLogins(nameOf(user), clock.now() - TRUSTED_MS)
    const login = logins.find(({ sourceIp }) => subscriberOf(sourceIp) === subscriberOf(address))
    if (login) trust(pairOf(address, user), login.atMs)
  }

  return {
    async recall(address, user) {
      if (waitSeconds(address, user) === 0) return
      const pair = pairOf(address, user)
      const known = recalled.get(pair)
      // Also while it is being looked for: of an owner's calls that come at once none is refused before it is found.
      if (known && clock.now() < known.untilMs) return known.done
      const look = { done: lookFor(address, user), untilMs: clock.now() + WINDOW_MS }
      recalled.delete(pair)
      recalled.set(pair, look)
      try {
        await look.done
      } catch (error) {
        // The next try looks again.
        if (recalled.get(pair) === look) recalled.delete(pair)
        throw error
      }
    },
    waitSeconds,
    failed(address, user) {
      if (isTrusted(pairOf(address, user))) return
      byAddress.add(subscriberOf(address))
      byUser.add(nameOf(user))
    },
    succeeded(address, user) {
      if (isRecent(address, user)) return
      const pair = pairOf(address, user)
      const now = clock.now()
      trust(pair, now)
      recent.set(user, { address, untilMs: now + RENEW_MS })
    },
  }
}
