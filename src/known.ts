import type { Account } from './accounts/accounts/account.ts'
import { findAccount, readAccountRevisions, readKeyRevisions } from './accounts/accounts/store.ts'
import type { Principal } from './accounts/authorize.ts'
import type { ApiKey } from './accounts/keys/key.ts'
import { findAnyKey } from './accounts/keys/store.ts'
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

export function keepKnown(storage: Storage): Known {
  const { read } = storage.system
  const accounts = new Map<string, Account>()
  const keys = new Map<string, ApiKey>()
  const services = new Map<string, Service>()
  const keep = <T extends { sid: string }>(map: Map<string, T>, value: T | undefined) => {
    if (!value) return undefined
    if (map.size >= MAX_KEPT) map.clear()
    map.set(value.sid, value)
    return value
  }
  const drop = <T extends { revision: number }>(
    map: Map<string, T>,
    sid: string,
    revision: number | null = null,
  ) => {
    if (map.get(sid)?.revision !== revision) map.delete(sid)
  }

  async function dropStale(userSid: string, serviceSid: string): Promise<void> {
    const isKey = userSid.startsWith('SK')
    const found = isKey
      ? await readKeyRevisions(read, userSid, serviceSid)
      : await readAccountRevisions(read, userSid, serviceSid)
    if (isKey) drop(keys, userSid, found?.key)
    drop(accounts, found?.account_sid ?? userSid, found?.account)
    if (found?.parent_sid) drop(accounts, found.parent_sid, found.parent)
    drop(services, serviceSid, found?.service)
  }

  const account = async (sid: string) =>
    isSid(sid) ? (accounts.get(sid) ?? keep(accounts, await findAccount(read, sid))) : undefined

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
      const key = keys.get(userSid) ?? keep(keys, await findAnyKey(read, userSid))
      const owner = key && (await account(key.accountSid))
      return owner && withParent(owner, key)
    },
    async account(sid) {
      // Not the one that logged in, whose revision was asked for: on PostgreSQL another node may have changed it.
      if (storage.engine === 'postgres') accounts.delete(sid)
      return account(sid)
    },
    async service(accountSid, sid) {
      if (!isSid(sid)) return undefined
      const kept = services.get(sid)
      if (kept) return kept.accountSid === accountSid ? kept : undefined
      return keep(services, await findService(storage.read, accountSid, sid))
    },
    forgetAccount: (sid) => accounts.delete(sid),
    forgetKey: (sid) => keys.delete(sid),
    forgetService: (sid) => services.delete(sid),
  }
}
