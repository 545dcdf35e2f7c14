import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Account } from './account.ts'

interface Row {
  sid: string
  parent_sid: string | null
  friendly_name: string
  status: Account['status']
  kind: Account['kind']
  auth_token: Uint8Array
  auth_token_hash: Uint8Array
  secondary_auth_token: Uint8Array | null
  secondary_auth_token_hash: Uint8Array | null
  secondary_created_at: number | null
  configured_token_hash: Uint8Array | null
  networks: string | null
  revision: number
  created_at: number
  updated_at: number
}

const toAccount = (row: Row): Account => ({
  sid: row.sid,
  parentSid: row.parent_sid,
  friendlyName: row.friendly_name,
  status: row.status,
  kind: row.kind,
  authToken: row.auth_token,
  authTokenHash: row.auth_token_hash,
  secondary:
    row.secondary_auth_token && row.secondary_auth_token_hash
      ? {
          token: row.secondary_auth_token,
          hash: row.secondary_auth_token_hash,
          createdAtMs: row.secondary_created_at ?? 0,
        }
      : null,
  configuredTokenHash: row.configured_token_hash,
  networks: row.networks?.split(' ') ?? [],
  revision: row.revision,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findAccount(read: Read, sid: string): Promise<Account | undefined> {
  const row = await read.get<Row>`select * from account where sid = ${sid}`
  return row && toAccount(row)
}

export async function readFirstAccount(read: Read): Promise<Account | undefined> {
  const row = await read.get<Row>`select * from account where parent_sid is null order by created_at limit 1`
  return row && toAccount(row)
}

/** An account and those below it, newest first. */
export async function listFamily(
  read: Read,
  parentSid: string,
  filter: { friendlyName?: string | undefined; status?: string | undefined },
  page: PageRequest,
): Promise<Account[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from account ${where([
    sql`(sid = ${parentSid} or parent_sid = ${parentSid})`,
    filter.friendlyName === undefined ? undefined : sql`friendly_name = ${filter.friendlyName}`,
    filter.status === undefined ? undefined : sql`status = ${filter.status}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toAccount)
}

/** For the operator: accounts of all tenants, oldest first. */
export const listAllAccounts = async (read: Read) =>
  (await read.all<Row>`select * from account order by created_at, sid`).map(toAccount)

export const listAccountSids = async (read: Read) =>
  (await read.all<{ sid: string }>`select sid from account`).map(({ sid }) => sid)

/** What counts now of an account, a key or a service, of the key's account, and of either's parent. */
export interface Revisions {
  sid: string
  revision: number
  owner_sid: string | null
  owner: number | null
  parent_sid: string | null
  parent: number | null
}

/** Of those that are there. For PostgreSQL: on SQLite no other node writes. */
export function readRevisions(read: Read, sids: ReadonlySet<string>): Promise<Revisions[]> {
  const asked = `{${[...sids]}}`
  return read.all`
    select a.sid, a.revision, null as owner_sid, null as owner, p.sid as parent_sid, p.revision as parent
      from account a left join account p on p.sid = a.parent_sid where a.sid = any(${asked}::text[])
    union all select k.sid, k.revision, a.sid, a.revision, p.sid, p.revision
      from api_key k join account a on a.sid = k.account_sid left join account p on p.sid = a.parent_sid
      where k.sid = any(${asked}::text[])
    union all select s.sid, s.revision, null, null, null, null from service s where s.sid = any(${asked}::text[])`
}

export const insertAccount = (tx: Tx, a: Account) =>
  tx.run`insert into account (sid, parent_sid, friendly_name, status, kind, auth_token, auth_token_hash,
      configured_token_hash, revision, created_at, updated_at)
    values (${a.sid}, ${a.parentSid}, ${a.friendlyName}, ${a.status}, ${a.kind}, ${a.authToken}, ${a.authTokenHash},
      ${a.configuredTokenHash}, ${a.revision}, ${a.createdAtMs}, ${a.updatedAtMs})`

/** Changes nothing if the revision has moved on since it was read. */
export const updateAccount = (tx: Tx, a: Account) =>
  tx.run`update account set friendly_name = ${a.friendlyName}, status = ${a.status}, kind = ${a.kind},
      auth_token = ${a.authToken}, auth_token_hash = ${a.authTokenHash},
      secondary_auth_token = ${a.secondary?.token ?? null},
      secondary_auth_token_hash = ${a.secondary?.hash ?? null},
      secondary_created_at = ${a.secondary?.createdAtMs ?? null},
      configured_token_hash = ${a.configuredTokenHash}, revision = ${a.revision}, updated_at = ${a.updatedAtMs}
    where sid = ${a.sid} and revision = ${a.revision - 1}`

/** Remembers the token that an account has had until now. */
export const insertReplacedToken = (tx: Tx, { sid, authTokenHash }: Pick<Account, 'sid' | 'authTokenHash'>) =>
  tx.run`insert into replaced_token (account_sid, token_hash) values (${sid}, ${authTokenHash})
    on conflict (account_sid, token_hash) do nothing`

export async function wasReplaced(read: Read, accountSid: string, tokenHash: Uint8Array): Promise<boolean> {
  const row = await read.get`
    select account_sid from replaced_token where account_sid = ${accountSid} and token_hash = ${tokenHash}`
  return row !== undefined
}

/** Moves the revision on, and so holds the row until the unit ends. */
export const touchAccount = (tx: Tx, sid: string, nowMs: number) =>
  tx.run`update account set revision = revision + 1, updated_at = ${nowMs} where sid = ${sid}`

export const updateNetworks = (tx: Tx, sid: string, networks: readonly string[]) =>
  tx.run`update account set networks = ${networks.length === 0 ? null : networks.join(' ')} where sid = ${sid}`

export const listSubaccountSids = async (read: Read, parentSid: string) =>
  (await read.all<{ sid: string }>`select sid from account where parent_sid = ${parentSid}`).map(
    ({ sid }) => sid,
  )

/** Without those that are closed. */
export async function countSubaccounts(read: Read, parentSid: string): Promise<number> {
  const row = await read.get<{ n: number }>`
    select count(*) as n from account where parent_sid = ${parentSid} and status <> 'closed'`
  return row?.n ?? 0
}

/** Of an account and those below it; resolves to the sids of those that were trial accounts. */
export const endTrials = async (tx: Tx, sid: string, nowMs: number) =>
  (
    await tx.all<{ sid: string }>`
      update account set kind = 'Full', revision = revision + 1, updated_at = ${nowMs}
      where (sid = ${sid} or parent_sid = ${sid}) and kind = 'Trial' returning sid`
  ).map((row) => row.sid)
