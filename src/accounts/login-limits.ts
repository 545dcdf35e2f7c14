import { subscriberOf } from '../addresses.ts'
import type { Clock } from '../clock.ts'
import { countInWindows, dropOldest } from './window-count.ts'

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
  const trusted = new Map<string, number>()
  /** Until when what was found of a user and an address need not be looked for again. */
  const recalled = new Map<string, number>()
  /** From where a user came last: spares most requests all that is below. */
  const recent = new Map<string, { address: string; untilMs: number }>()

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

  return {
    async recall(address, user) {
      const pair = pairOf(address, user)
      const now = clock.now()
      if (waitSeconds(address, user) === 0 || now < (recalled.get(pair) ?? 0)) return
      recalled.delete(pair)
      dropOldest(recalled, MAX_RECENT)
      recalled.set(pair, now + WINDOW_MS)
      const logins = await listLogins(nameOf(user), now - TRUSTED_MS)
      const login = logins.find(({ sourceIp }) => subscriberOf(sourceIp) === subscriberOf(address))
      if (!login) return
      trusted.delete(pair)
      dropOldest(trusted, MAX_TRUSTED)
      trusted.set(pair, login.atMs)
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
      trusted.delete(pair)
      dropOldest(trusted, MAX_TRUSTED)
      trusted.set(pair, now)
      dropOldest(recent, MAX_RECENT)
      recent.set(user, { address, untilMs: now + RENEW_MS })
    },
  }
}
