import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { ApiKey } from './key.ts'

interface Row {
  sid: string
  account_sid: string
  friendly_name: string
  kind: ApiKey['kind']
  secret_hash: Uint8Array
  policy: string | null
  revision: number
  created_at: number
  updated_at: number
}

const toKey = (row: Row): ApiKey => ({
  sid: row.sid,
  accountSid: row.account_sid,
  friendlyName: row.friendly_name,
  kind: row.kind,
  secretHash: row.secret_hash,
  policy: row.policy === null ? null : JSON.parse(row.policy),
  revision: row.revision,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

/** For log-in, which precedes the account: the sid alone names the key. */
export async function findAnyKey(read: Read, sid: string): Promise<ApiKey | undefined> {
  const row = await read.get<Row>`select * from api_key where sid = ${sid}`
  return row && toKey(row)
}

export async function findKey(read: Read, accountSid: string, sid: string): Promise<ApiKey | undefined> {
  const row = await read.get<Row>`select * from api_key where sid = ${sid} and account_sid = ${accountSid}`
  return row && toKey(row)
}

export async function listKeys(read: Read, accountSid: string, page: PageRequest): Promise<ApiKey[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from api_key ${where([
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toKey)
}

export const insertKey = (tx: Tx, k: ApiKey) =>
  tx.run`insert into api_key (sid, account_sid, friendly_name, kind, secret_hash, policy, revision, created_at,
      updated_at)
    values (${k.sid}, ${k.accountSid}, ${k.friendlyName}, ${k.kind}, ${k.secretHash},
      ${k.policy && JSON.stringify(k.policy)}, ${k.revision}, ${k.createdAtMs}, ${k.updatedAtMs})`

export const updateKey = (tx: Tx, k: ApiKey) =>
  tx.run`update api_key set friendly_name = ${k.friendlyName}, policy = ${k.policy && JSON.stringify(k.policy)},
      revision = ${k.revision}, updated_at = ${k.updatedAtMs}
    where sid = ${k.sid} and account_sid = ${k.accountSid} and revision = ${k.revision - 1}`

export const deleteKey = (tx: Tx, accountSid: string, sid: string) =>
  tx.run`delete from api_key where sid = ${sid} and account_sid = ${accountSid}`

export const countKeys = async (tx: Tx, accountSid: string) =>
  (await tx.get<{ count: number }>`select count(*) as count from api_key where account_sid = ${accountSid}`)
    ?.count ?? 0
