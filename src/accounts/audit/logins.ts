import { subscriberOf } from '../../addresses.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { isoSeconds } from '../../http/schema.ts'
import { readFirst } from '../accounts/account.ts'
import type { Principal } from '../authorize.ts'
import { type Actor, audit, type Change } from './audit.ts'
import { listLogins, MAX_LOGINS } from './store.ts'
import { type MinuteTallies, type Tally, tallyMinutes } from './tally.ts'

const DAY_MS = 86_400_000
/** Addresses told apart in a minute, of who has no credentials. */
const MAX_STRANGERS = 100
/** Of who has: strangers cannot use these up. */
const MAX_OWNERS = 1_000
/** Log-ins remembered, and waiting to be written. */
const MAX_SEEN = 50_000
/** Of a credential in a day. One that comes from more addresses says nothing with the next. */
const MAX_LOGINS_A_DAY = MAX_LOGINS
/** Written in one unit of work. */
const BITE = 500

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
  /** Undefined for several that are counted together. */
  permission: string | undefined
}

/**
 * Log-ins, what keys were denied, and who reads codes, as events. Nobody can make the server write at will: refusals are
 * counted here and become one event per subscriber, account and minute, as do reads of the inbox; denials become one
 * per subscriber, key, permission and minute. Of too many of them address and permission are no longer told, but the
 * rest is. Of successful log-ins the first a day per address (of IPv6: per /64) and credential is an event, for up to
 * 1,000 addresses.
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

/** A log-in that may have to be written. */
type Arrival = Actor & { atMs: number }

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
    coarse: ({ caller }) => ({ caller: { ...caller, sourceIp: '' }, permission: undefined }),
  })
  let seen = new Set<string>()
  /** Whose log-ins of today are no events any more. */
  let full = new Set<string>()
  let today = 0
  const arrivals: Arrival[] = []
  let flushing: Promise<void> = Promise.resolve()

  function accepted({ account, key }: Principal, sourceIp: string): void {
    const now = clock.now()
    const day = dayOf(now)
    if (day !== today) {
      today = day
      full = new Set()
      seen = new Set()
    } else if (seen.size >= MAX_SEEN) seen = new Set()
    const actorSid = key?.sid ?? account.sid
    if (full.has(actorSid)) return
    const login = `${actorSid} ${subscriberOf(sourceIp)}`
    if (seen.has(login) || arrivals.length >= MAX_SEEN) return
    seen.add(login)
    const actorType = key ? 'key' : 'account'
    arrivals.push({ accountSid: account.sid, actorSid, actorType, sourceIp, atMs: now })
  }

  async function writeArrivals(ctx: Context): Promise<void> {
    // What comes while these are written waits for the next round.
    const written = arrivals.splice(0, BITE)
    try {
      const byActor = Map.groupBy(written, ({ actorSid, atMs }) => `${actorSid} ${dayOf(atMs)}`)
      const events = await Promise.all([...byActor.values()].map(pickNew))
      await storage.system.write((tx) =>
        Promise.all(
          events.flat().map((actor) => audit(ctx, tx, actor, changeOf('login.accepted', actor.actorSid, {}))),
        ),
      )
    } catch (error) {
      arrivals.unshift(...written)
      throw error
    }
  }

  /** Of one actor and day: another node, or this process before its restart, may have written some. */
  async function pickNew(group: readonly Arrival[]): Promise<readonly Arrival[]> {
    const [{ actorSid, atMs }] = group as readonly [Arrival]
    const logins = await listLogins(storage.system.scan, actorSid, dayOf(atMs) * DAY_MS)
    const added = new Map(group.map((arrival) => [subscriberOf(arrival.sourceIp), arrival]))
    for (const { sourceIp } of logins) added.delete(subscriberOf(sourceIp))
    const room = MAX_LOGINS_A_DAY - logins.length
    if (added.size >= room && dayOf(atMs) === today) full.add(actorSid)
    return [...added.values()].slice(0, room)
  }

  /** In bites, so that no unit of work keeps others waiting; what is written is not written again. */
  async function writeTallies<T>(
    { list, drop }: MinuteTallies<T>,
    all: boolean,
    writeBite: (bite: readonly Tally<T>[]) => Promise<void>,
  ): Promise<void> {
    const over = list(all)
    for (let from = 0; from < over.length; from += BITE) {
      const bite = over.slice(from, from + BITE)
      await writeBite(bite)
      drop(bite)
    }
  }

  async function writeRefusals(ctx: Context, bite: readonly Tally<RefusedLogin>[]): Promise<void> {
    // What names no account that exists is the concern of whom the installation belongs to.
    const { sid: first } = await readFirst(ctx)
    await storage.system.write((tx) =>
      Promise.all(
        bite.map(({ what, minuteMs, count }) => {
          const { reason, sourceIp, accountSid = first, actorSid = '' } = what
          const actor: Actor = { accountSid, actorSid, actorType: 'unknown', sourceIp }
          const data = { reason, count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, actor, changeOf('login.refused', actorSid || accountSid, data))
        }),
      ),
    )
    for (const { what, count } of bite) if (what.reason === 'address') alertAddress(ctx, what, count)
  }

  async function writeReaders(ctx: Context, bite: readonly Tally<Caller>[]): Promise<void> {
    await storage.system.write((tx) =>
      Promise.all(
        bite.map(({ what: caller, minuteMs, count }) => {
          const data = { count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, caller, changeOf('inbox.read', caller.accountSid, data))
        }),
      ),
    )
  }

  async function writeDenials(ctx: Context, bite: readonly Tally<Denial>[]): Promise<void> {
    await storage.system.write((tx) =>
      Promise.all(
        bite.map(({ what: { caller, permission }, minuteMs, count }) => {
          const data = { permission, count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, caller, changeOf('permission.denied', caller.actorSid, data))
        }),
      ),
    )
  }

  async function write(ctx: Context, all: boolean): Promise<void> {
    // All of them at the end; else a bite.
    do {
      if (arrivals.length > 0) await writeArrivals(ctx)
    } while (all && arrivals.length > 0)
    await writeTallies(strangers, all, (bite) => writeRefusals(ctx, bite))
    await writeTallies(owners, all, (bite) => writeRefusals(ctx, bite))
    await writeTallies(readers, all, (bite) => writeReaders(ctx, bite))
    await writeTallies(denials, all, (bite) => writeDenials(ctx, bite))
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
      flushing = flushing.catch(() => {}).then(() => write(context(), all))
      return flushing
    },
  }
}

const dayOf = (ms: number) => Math.floor(ms / DAY_MS)

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

const changeOf = (type: string, sid: string, data: Record<string, unknown>): Change => ({
  type,
  resource: sid.startsWith('SK') ? 'api-key' : 'account',
  sid,
  data,
})
