import { subscriberOf } from '../../addresses.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { isoSeconds } from '../../http/schema.ts'
import { readFirst } from '../accounts/account.ts'
import type { Principal } from '../authorize.ts'
import { type Actor, audit } from './audit.ts'
import { listLogins } from './store.ts'
import { type Tally, tallyMinutes } from './tally.ts'

const DAY_MS = 86_400_000
/** Addresses told apart in a minute, of who has no credentials. */
const MAX_STRANGERS = 100
/** Of who has: strangers cannot use these up. */
const MAX_OWNERS = 1_000
/** Log-ins remembered, and waiting to be written. */
const MAX_SEEN = 50_000
/** Written in one unit of work. */
const MAX_ARRIVALS_A_ROUND = 500

/** A request that was turned away before anybody knew, or because nobody may know, who asks. */
export interface RefusedLogin {
  reason: 'credentials' | 'account-not-active' | 'address' | 'too-many-failures'
  sourceIp: string
  /** The account that was asked for, where there is such an account. */
  accountSid?: string | undefined
  /** The key or account whose credentials were tried, where there is such a one. */
  actorSid?: string | undefined
}

/** A request for what the key that asked may not do. */
export interface Denial {
  caller: Caller
  permission: string
}

/**
 * Log-ins, what keys were denied, and who reads codes, as events. Nobody can make the server write at will: refusals are
 * counted here and become one event per subscriber, account and minute, as do reads of the inbox; denials become one
 * per subscriber, key, permission and minute. Of too many of them the address is no longer told, but the rest is. Of
 * successful log-ins the first a day per address (of IPv6: per /64) and credential is an event.
 */
export interface Logins {
  refused(refusal: RefusedLogin): void
  accepted(principal: Principal, sourceIp: string): void
  denied(denial: Denial): void
  /** Codes were shown. */
  codesRead(caller: Caller): void
  /** Writes new log-ins, and the counts of minutes that are over; of all minutes with `all`. */
  flush(options?: { all?: boolean }): Promise<void>
}

type Ground = Pick<Context, 'clock' | 'storage'>

/** `context` is asked for at the first flush: it holds these log-ins. */
export function keepLogins({ clock, storage }: Ground, context: () => Context): Logins {
  const byAccount = {
    keyOf: ({ sourceIp, accountSid, reason }: RefusedLogin) =>
      `${sourceIp && subscriberOf(sourceIp)} ${accountSid} ${reason}`,
    coarse: ({ reason, accountSid }: RefusedLogin): RefusedLogin => ({ reason, accountSid, sourceIp: '' }),
  }
  const strangers = tallyMinutes(clock, MAX_STRANGERS, byAccount)
  /** Who had the right credentials. */
  const owners = tallyMinutes(clock, MAX_OWNERS, byAccount)
  const readers = tallyMinutes<Caller>(clock, MAX_OWNERS, {
    keyOf: ({ sourceIp, actorSid, accountSid }) => `${sourceIp} ${actorSid} ${accountSid}`,
    coarse: (caller) => ({ ...caller, sourceIp: '' }),
  })
  const denials = tallyMinutes<Denial>(clock, MAX_OWNERS, {
    keyOf: ({ caller, permission }) =>
      `${caller.sourceIp && subscriberOf(caller.sourceIp)} ${caller.actorSid} ${permission}`,
    coarse: ({ caller, permission }) => ({ caller: { ...caller, sourceIp: '' }, permission }),
  })
  let seen = new Set<string>()
  let today = 0
  const arrivals: (Actor & { atMs: number })[] = []
  let flushing: Promise<void> = Promise.resolve()

  function accepted({ account, key }: Principal, sourceIp: string): void {
    const now = clock.now()
    const day = Math.floor(now / DAY_MS)
    if (day !== today || seen.size >= MAX_SEEN) {
      today = day
      seen = new Set()
    }
    const actorSid = key?.sid ?? account.sid
    const login = `${actorSid} ${subscriberOf(sourceIp)}`
    if (seen.has(login)) return
    seen.add(login)
    if (arrivals.length >= MAX_SEEN) return
    const actorType = key ? 'key' : 'account'
    arrivals.push({ accountSid: account.sid, actorSid, actorType, sourceIp, atMs: now })
  }

  async function writeArrivals(ctx: Context): Promise<void> {
    // What comes while these are written waits for the next round.
    const written = arrivals.splice(0, MAX_ARRIVALS_A_ROUND)
    try {
      await writeThese(ctx, written)
    } catch (error) {
      arrivals.unshift(...written)
      throw error
    }
  }

  async function writeThese(ctx: Context, written: typeof arrivals): Promise<void> {
    // Another node, or this process before its restart, may have written it.
    const isNew = await Promise.all(
      written.map(async ({ actorSid, sourceIp, atMs }) => {
        const logins = await listLogins(storage.system.read, actorSid, atMs - (atMs % DAY_MS))
        return !logins.some((login) => subscriberOf(login.sourceIp) === subscriberOf(sourceIp))
      }),
    )
    await storage.system.write((tx) =>
      Promise.all(
        written.flatMap((actor, i) =>
          isNew[i] ? [audit(ctx, tx, actor, changeOf('login.accepted', actor.actorSid, {}))] : [],
        ),
      ),
    )
  }

  async function writeRefusals(ctx: Context, over: readonly Tally<RefusedLogin>[]): Promise<void> {
    // What names no account that exists is the concern of whom the installation belongs to.
    const { sid: first } = await readFirst(ctx)
    await storage.system.write((tx) =>
      Promise.all(
        over.map(({ what, minuteMs, count }) => {
          const { reason, sourceIp, accountSid = first, actorSid = '' } = what
          const actor: Actor = { accountSid, actorSid, actorType: 'unknown', sourceIp }
          const data = { reason, count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, actor, changeOf('login.refused', actorSid || accountSid, data))
        }),
      ),
    )
    strangers.drop(over)
    owners.drop(over)
    for (const { what, count } of over) if (what.reason === 'address') alertAddress(ctx, what, count)
  }

  async function writeReaders(ctx: Context, over: readonly Tally<Caller>[]): Promise<void> {
    await storage.system.write((tx) =>
      Promise.all(
        over.map(({ what: caller, minuteMs, count }) => {
          const data = { count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, caller, changeOf('inbox.read', caller.accountSid, data))
        }),
      ),
    )
    readers.drop(over)
  }

  async function writeDenials(ctx: Context, over: readonly Tally<Denial>[]): Promise<void> {
    await storage.system.write((tx) =>
      Promise.all(
        over.map(({ what: { caller, permission }, minuteMs, count }) => {
          const data = { permission, count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, caller, changeOf('permission.denied', caller.actorSid, data))
        }),
      ),
    )
    denials.drop(over)
  }

  async function write(all: boolean): Promise<void> {
    const refused = [...strangers.list(all), ...owners.list(all)]
    const read = readers.list(all)
    const denied = denials.list(all)
    // All of them at the end; else a bite, so that no unit of work keeps others waiting.
    do {
      if (arrivals.length > 0) await writeArrivals(context())
    } while (all && arrivals.length > 0)
    if (refused.length > 0) await writeRefusals(context(), refused)
    if (read.length > 0) await writeReaders(context(), read)
    if (denied.length > 0) await writeDenials(context(), denied)
  }

  return {
    refused: (refusal) =>
      (refusal.reason === 'address' || refusal.reason === 'account-not-active' ? owners : strangers).add(
        refusal,
      ),
    accepted,
    denied: (denial) => denials.add(denial),
    codesRead: (caller) => readers.add(caller),
    flush({ all = false } = {}) {
      // One at a time: what is being written is still counted as waiting.
      flushing = flushing.catch(() => {}).then(() => write(all))
      return flushing
    },
  }
}

function alertAddress({ alerts }: Context, { accountSid, sourceIp }: RefusedLogin, count: number): void {
  if (accountSid === undefined) return
  alerts.raise({
    accountSid,
    logLevel: 'warning',
    errorCode: '20006',
    text: `${count} requests with valid credentials came from ${sourceIp || 'more addresses'}, which the account does not allow`,
    resourceSid: accountSid,
  })
}

const changeOf = (type: string, sid: string, data: Record<string, unknown>) => ({
  type,
  resource: sid.startsWith('SK') ? 'api-key' : 'account',
  sid,
  data,
})
