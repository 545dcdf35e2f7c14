import { setImmediate as turnEnd } from 'node:timers/promises'
import type { Account } from './accounts/accounts/account.ts'
import { findAccount, readRevisions } from './accounts/accounts/store.ts'
import type { Principal } from './accounts/authorize.ts'
import type { ApiKey } from './accounts/keys/key.ts'
import { findAnyKey } from './accounts/keys/store.ts'
import { BoundedMap } from './bounded-map.ts'
import { isSid } from './storage/sid.ts'
import type { Storage } from './storage/storage.ts'
import type { Service } from './verify/services/service.ts'
import { findService } from './verify/services/store.ts'

/**
 * The accounts, keys and services that this node keeps in memory, each by its revision: nothing that authorises or
 * configures is cached by time. On SQLite this process is the only writer and forgets what it changes; on PostgreSQL
 * `principal()`, which every request begins with, asks for the revisions and drops what another node has changed.
 */
export interface Known {
  /** By the user name of a log-in: an account's sid, or a key's. */
  principal(userSid: string, serviceSid: string | undefined): Promise<Principal | undefined>
  /** Costs what `principal()` costs for one who is there if it found nobody, and the other way round. */
  evenOut(userSid: string, found: Principal | undefined): Promise<void>
  account(sid: string): Promise<Account | undefined>
  service(accountSid: string, sid: string): Promise<Service | undefined>
  /** To be called after the commit of a change. */
  forgetAccount(sid: string): void
  forgetKey(sid: string): void
  forgetService(sid: string): void
}

const MAX_KEPT = 20_000
const NOBODY = '0'.repeat(32)

/** What a node keeps of one kind, by sid. */
class Shelf<T extends { sid: string; revision: number }> {
  readonly #kept = new BoundedMap<string, T>(MAX_KEPT)
  /** The look-ups of each sid of which the first to end may be kept, if it brings no older revision than this. */
  readonly #loading = new Map<string, { atLeast: number }>()

  get(sid: string): T | undefined {
    return this.#kept.get(sid)
  }

  /** Keeps what it finds, unless that was dropped or has changed meanwhile: it may be older than what counts. */
  async load(sid: string, found: Promise<T | undefined>): Promise<T | undefined> {
    const loading = this.#loading.get(sid) ?? { atLeast: 0 }
    this.#loading.set(sid, loading)
    try {
      const value = await found
      const isCurrent = this.#loading.get(sid) === loading
      if (isCurrent && value && value.revision >= loading.atLeast) this.#kept.set(sid, value)
      return value
    } finally {
      if (this.#loading.get(sid) === loading) this.#loading.delete(sid)
    }
  }

  drop(sid: string): void {
    this.#kept.delete(sid)
    this.#loading.delete(sid)
  }

  /** Drops what is of another revision than the one that counts now; without one there is nothing to keep. */
  check(sid: string, revision: number | null = null): void {
    if (this.#kept.get(sid)?.revision === revision) return
    this.#kept.delete(sid)
    const loading = this.#loading.get(sid)
    // An older answer may arrive later.
    if (loading) loading.atLeast = Math.max(loading.atLeast, revision ?? Number.POSITIVE_INFINITY)
  }
}

export function keepKnown(storage: Storage): Known {
  const { read } = storage.system
  const accounts = new Shelf<Account>()
  const keys = new Shelf<ApiKey>()
  const services = new Shelf<Service>()
  /** Who was found last, by kind. */
  const found: Record<string, string> = {}

  /** What the requests of this turn of the loop ask for. */
  let asked: { sids: Set<string>; answered: Promise<void> } | undefined

  /** For all requests of a turn in one round trip, which costs more than all else of a log-in. */
  async function dropStale(sids: ReadonlySet<string>): Promise<void> {
    await turnEnd()
    // Who comes from here on must not be told of before.
    asked = undefined
    const revisions = new Map((await readRevisions(read, sids)).map((row) => [row.sid, row]))
    for (const sid of sids) {
      const now = revisions.get(sid)
      for (const shelf of [accounts, keys, services]) shelf.check(sid, now?.revision)
      if (now?.owner_sid) accounts.check(now.owner_sid, now.owner)
      if (now?.parent_sid) accounts.check(now.parent_sid, now.parent)
    }
  }

  function askFor(...names: string[]): Promise<void> {
    if (!asked) {
      const sids = new Set<string>()
      asked = { sids, answered: dropStale(sids) }
    }
    for (const name of names) if (isSid(name)) asked.sids.add(name)
    return asked.answered
  }

  const account = async (sid: string) =>
    isSid(sid) ? (accounts.get(sid) ?? accounts.load(sid, findAccount(read, sid))) : undefined

  const withParent = async (own: Account, key?: ApiKey): Promise<Principal> => ({
    account: own,
    key,
    parent: own.parentSid === null ? undefined : await account(own.parentSid),
  })

  async function principal(userSid: string, serviceSid = ''): Promise<Principal | undefined> {
    if (!isSid(userSid)) return undefined
    if (storage.engine === 'postgres') await askFor(userSid, serviceSid)
    if (!userSid.startsWith('SK')) {
      const own = await account(userSid)
      return own && withParent(own)
    }
    const key = keys.get(userSid) ?? (await keys.load(userSid, findAnyKey(read, userSid)))
    const owner = key && (await account(key.accountSid))
    return owner && withParent(owner, key)
  }

  return {
    principal,
    async evenOut(userSid, principalFound) {
      const kind = userSid.startsWith('SK') ? 'SK' : 'AC'
      if (principalFound) found[kind] = userSid
      await principal((!principalFound && found[kind]) || `${kind}${NOBODY}`)
    },
    async account(sid) {
      // Not the one that logged in, whose revision was asked for: on PostgreSQL another node may have changed it.
      if (storage.engine === 'postgres') accounts.drop(sid)
      return account(sid)
    },
    async service(accountSid, sid) {
      if (!isSid(sid)) return undefined
      const kept = services.get(sid)
      if (kept) return kept.accountSid === accountSid ? kept : undefined
      return services.load(sid, findService(storage.read, accountSid, sid))
    },
    forgetAccount: (sid) => accounts.drop(sid),
    forgetKey: (sid) => keys.drop(sid),
    forgetService: (sid) => services.drop(sid),
  }
}
