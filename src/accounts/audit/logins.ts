import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { isoSeconds } from '../../http/schema.ts'
import { readFirst } from '../accounts/account.ts'
import type { Principal } from '../authorize.ts'
import { type Actor, audit } from './audit.ts'
import { hasEvent } from './store.ts'
import { type Tally, tallyMinutes } from './tally.ts'

const DAY_MS = 86_400_000
/** Addresses, accounts and reasons told apart in a minute. */
const MAX_REFUSALS = 100
const MAX_READERS = 1_000
/** Log-ins remembered, and waiting to be written. */
const MAX_SEEN = 50_000

/** A request that was turned away before anybody knew, or because nobody may know, who asks. */
export interface RefusedLogin {
  reason: 'credentials' | 'account-not-active' | 'address' | 'too-many-failures'
  sourceIp: string
  /** The account that was asked for, where there is such an account. */
  accountSid?: string | undefined
  /** The key or account whose credentials were tried, where there is such a one. */
  actorSid?: string | undefined
}

/**
 * Log-ins, and who reads codes, as events. Who has no credentials cannot make the server write at will: refusals are
 * counted here and become one event per address, account and minute, as do reads of the inbox. Of successful log-ins
 * the first a day per address and credential is an event.
 */
export interface Logins {
  refused(refusal: RefusedLogin): void
  accepted(principal: Principal, sourceIp: string): void
  /** Codes were shown. */
  codesRead(caller: Caller): void
  /** Writes new log-ins, and the counts of minutes that are over; of all minutes with `all`. */
  flush(options?: { all?: boolean }): Promise<void>
}

type Ground = Pick<Context, 'clock' | 'storage'>

/** `context` is asked for at the first flush: it holds these log-ins. */
export function keepLogins({ clock, storage }: Ground, context: () => Context): Logins {
  const refusals = tallyMinutes<RefusedLogin>(clock, MAX_REFUSALS, { reason: 'credentials', sourceIp: '' })
  const readers = tallyMinutes<Caller | undefined>(clock, MAX_READERS, undefined)
  let seen = new Set<string>()
  let today = 0
  let arrivals: (Actor & { atMs: number })[] = []
  let flushing: Promise<void> = Promise.resolve()

  function accepted({ account, key }: Principal, sourceIp: string): void {
    const now = clock.now()
    const day = Math.floor(now / DAY_MS)
    if (day !== today || seen.size >= MAX_SEEN) {
      today = day
      seen = new Set()
    }
    const actorSid = key?.sid ?? account.sid
    const login = `${actorSid} ${sourceIp}`
    if (seen.has(login)) return
    seen.add(login)
    if (arrivals.length >= MAX_SEEN) return
    const actorType = key ? 'key' : 'account'
    arrivals.push({ accountSid: account.sid, actorSid, actorType, sourceIp, atMs: now })
  }

  async function writeArrivals(ctx: Context): Promise<void> {
    const written = arrivals
    // Another node, or this process before its restart, may have written it.
    const isNew = await Promise.all(
      written.map(async ({ accountSid, actorSid, sourceIp, atMs }) => {
        const sinceMs = atMs - (atMs % DAY_MS)
        const known = { actorSid, type: 'login.accepted', sourceIp, sinceMs }
        return !(await hasEvent(storage.system.read, accountSid, known))
      }),
    )
    await storage.system.write((tx) =>
      Promise.all(
        written.flatMap((actor, i) =>
          isNew[i] ? [audit(ctx, tx, actor, changeOf('login.accepted', actor.actorSid, {}))] : [],
        ),
      ),
    )
    arrivals = arrivals.slice(written.length)
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
    refusals.drop(over)
    for (const { what, count } of over) if (what.reason === 'address') alertAddress(ctx, what, count)
  }

  async function writeReaders(ctx: Context, over: readonly Tally<Caller | undefined>[]): Promise<void> {
    const { sid: first } = await readFirst(ctx)
    await storage.system.write((tx) =>
      Promise.all(
        over.map(({ what: caller, minuteMs, count }) => {
          const actor: Actor = caller ?? {
            accountSid: first,
            actorSid: '',
            actorType: 'unknown',
            sourceIp: '',
          }
          const data = { count, minute: isoSeconds(minuteMs) }
          return audit(ctx, tx, actor, changeOf('inbox.read', actor.accountSid, data))
        }),
      ),
    )
    readers.drop(over)
  }

  async function write(all: boolean): Promise<void> {
    const refused = refusals.list(all)
    const read = readers.list(all)
    if (arrivals.length > 0) await writeArrivals(context())
    if (refused.length > 0) await writeRefusals(context(), refused)
    if (read.length > 0) await writeReaders(context(), read)
  }

  return {
    refused: (refusal) =>
      refusals.add([refusal.sourceIp, refusal.accountSid, refusal.reason].join(' '), refusal),
    accepted,
    codesRead: (caller) =>
      readers.add([caller.sourceIp, caller.actorSid, caller.accountSid].join(' '), caller),
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
    text: `${count} requests with valid credentials came from ${sourceIp}, which the account does not allow`,
    resourceSid: accountSid,
  })
}

const changeOf = (type: string, sid: string, data: Record<string, unknown>) => ({
  type,
  resource: sid.startsWith('SK') ? 'api-key' : 'account',
  sid,
  data,
})
