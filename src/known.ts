import type { Account } from './accounts/accounts/account.ts'
import { findAccount, readAccountRevisions, readKeyRevisions } from './accounts/accounts/store.ts'
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
  account(sid: string): Promise<Account | undefined>
  service(accountSid: string, sid: string): Promise<Service | undefined>
  /** To be called after the commit of a change. */
  forgetAccount(sid: string): void
  forgetKey(sid: string): void
  forgetService(sid: string): void
}

const MAX_KEPT = 20_000

/** What a node keeps of one kind, by sid. */
class Shelf<T extends { sid: string; revision: number }> {
  readonly #kept = new BoundedMap<string, T>(MAX_KEPT)
  /** The look-up of each sid that may be kept when it ends. */
  readonly #loading = new Map<string, Promise<T | undefined>>()

  get(sid: string): T | undefined {
    return this.#kept.get(sid)
  }

  /** Keeps what it finds, unless that was dropped meanwhile: it may be older than what dropped it. */
  async load(sid: string, loading: Promise<T | undefined>): Promise<T | undefined> {
    this.#loading.set(sid, loading)
    try {
      const value = await loading
      if (value && this.#loading.get(sid) === loading) this.#kept.set(sid, value)
      return value
    } finally {
      if (this.#loading.get(sid) === loading) this.#loading.delete(sid)
    }
  }

  drop(sid: string): void {
    this.#kept.delete(sid)
    this.#loading.delete(sid)
  }

  /** Drops what is of another revision than the one that counts now. */
  check(sid: string, revision: number | null = null): void {
    if (this.#kept.get(sid)?.revision !== revision) this.drop(sid)
  }
}

export function keepKnown(storage: Storage): Known {
  const { read } = storage.system
  const accounts = new Shelf<Account>()
  const keys = new Shelf<ApiKey>()
  const services = new Shelf<Service>()

  async function dropStale(userSid: string, serviceSid: string): Promise<void> {
    const isKey = userSid.startsWith('SK')
    const found = isKey
      ? await readKeyRevisions(read, userSid, serviceSid)
      : await readAccountRevisions(read, userSid, serviceSid)
    if (isKey) keys.check(userSid, found?.key)
    accounts.check(found?.account_sid ?? userSid, found?.account)
    if (found?.parent_sid) accounts.check(found.parent_sid, found.parent)
    services.check(serviceSid, found?.service)
  }

  const account = async (sid: string) =>
    isSid(sid) ? (accounts.get(sid) ?? accounts.load(sid, findAccount(read, sid))) : undefined

  const withParent = async (own: Account, key?: ApiKey): Promise<Principal> => ({
    account: own,
    key,
    parent: own.parentSid === null ? undefined : await account(own.parentSid),
  })

  return {
    async principal(userSid, serviceSid = '') {
      if (!isSid(userSid)) return undefined
      if (storage.engine === 'postgres') await dropStale(userSid, isSid(serviceSid) ? serviceSid : '')
      if (!userSid.startsWith('SK')) {
        const own = await account(userSid)
        return own && withParent(own)
      }
      const key = keys.get(userSid) ?? (await keys.load(userSid, findAnyKey(read, userSid)))
      const owner = key && (await account(key.accountSid))
      return owner && withParent(owner, key)
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
