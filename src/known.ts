import type { Account } from './accounts/accounts/account.ts'
import { findAccount, readRevisions } from './accounts/accounts/store.ts'
import { isSid } from './storage/sid.ts'
import type { Storage } from './storage/storage.ts'
import type { Service } from './verify/services/service.ts'
import { findService } from './verify/services/store.ts'

/**
 * The accounts and services that this node keeps in memory, each by its revision: nothing that authorises or
 * configures is cached by time. On SQLite this process is the only writer and forgets what it changes; on PostgreSQL
 * `account()`, which every request begins with, asks for the revisions and drops what another node has changed.
 */
export interface Known {
  account(sid: string, serviceSid: string | undefined): Promise<Account | undefined>
  service(accountSid: string, sid: string): Promise<Service | undefined>
  /** To be called after the commit of a change. */
  forgetService(sid: string): void
}

const MAX_KEPT = 10_000

export function keepKnown(storage: Storage): Known {
  const accounts = new Map<string, Account>()
  const services = new Map<string, Service>()
  const keep = <T extends { sid: string }>(map: Map<string, T>, value: T | undefined) => {
    if (!value) return undefined
    if (map.size >= MAX_KEPT) map.clear()
    map.set(value.sid, value)
    return value
  }
  return {
    async account(sid, serviceSid = '') {
      if (!isSid(sid)) return undefined
      if (storage.engine === 'postgres') {
        const revisions = await readRevisions(storage.system.read, sid, isSid(serviceSid) ? serviceSid : '')
        if (accounts.get(sid)?.revision !== revisions?.account) accounts.delete(sid)
        if (services.get(serviceSid)?.revision !== revisions?.service) services.delete(serviceSid)
      }
      return accounts.get(sid) ?? keep(accounts, await findAccount(storage.system.read, sid))
    },
    async service(accountSid, sid) {
      if (!isSid(sid)) return undefined
      const kept = services.get(sid)
      if (kept) return kept.accountSid === accountSid ? kept : undefined
      return keep(services, await findService(storage.read, accountSid, sid))
    },
    forgetService: (sid) => services.delete(sid),
  }
}
