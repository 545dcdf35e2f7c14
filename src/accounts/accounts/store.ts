import type { Read, Tx } from '../../storage/storage.ts'
import type { Account } from './account.ts'

interface Row {
  sid: string
  friendly_name: string
  status: Account['status']
  auth_token: Uint8Array
  auth_token_hash: Uint8Array
  revision: number
  created_at: number
  updated_at: number
}

const toAccount = (row: Row): Account => ({
  sid: row.sid,
  friendlyName: row.friendly_name,
  status: row.status,
  authToken: row.auth_token,
  authTokenHash: row.auth_token_hash,
  revision: row.revision,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findAccount(read: Read, sid: string): Promise<Account | undefined> {
  const row = await read.get<Row>`select * from account where sid = ${sid}`
  return row && toAccount(row)
}

export async function readFirstAccount(read: Read): Promise<Account | undefined> {
  const row = await read.get<Row>`select * from account order by created_at limit 1`
  return row && toAccount(row)
}

export const listAccountSids = async (read: Read) =>
  (await read.all<{ sid: string }>`select sid from account`).map(({ sid }) => sid)

/** The revisions that a node's kept account and service must have to be used. */
export const readRevisions = (read: Read, accountSid: string, serviceSid: string) =>
  read.get<{ account: number; service: number | null }>`
    select a.revision as account, s.revision as service from account a
    left join service s on s.sid = ${serviceSid} and s.account_sid = a.sid where a.sid = ${accountSid}`

export const insertAccount = (tx: Tx, a: Account) =>
  tx.run`insert into account
      (sid, friendly_name, status, auth_token, auth_token_hash, revision, created_at, updated_at)
    values (${a.sid}, ${a.friendlyName}, ${a.status}, ${a.authToken}, ${a.authTokenHash}, ${a.revision},
      ${a.createdAtMs}, ${a.updatedAtMs})`

export const updateAuthToken = (tx: Tx, a: Account) =>
  tx.run`update account set auth_token = ${a.authToken}, auth_token_hash = ${a.authTokenHash},
    revision = ${a.revision}, updated_at = ${a.updatedAtMs} where sid = ${a.sid}`
