import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { CallerId, ValidationRequest } from './caller-id.ts'

interface Row {
  sid: string
  account_sid: string
  phone_number: string
  friendly_name: string
  created_at: number
  updated_at: number
}

const toCallerId = (row: Row): CallerId => ({
  sid: row.sid,
  accountSid: row.account_sid,
  phoneNumber: row.phone_number,
  friendlyName: row.friendly_name,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findCallerId(
  read: Read,
  accountSid: string,
  sid: string,
): Promise<CallerId | undefined> {
  const row = await read.get<Row>`select * from caller_id where sid = ${sid} and account_sid = ${accountSid}`
  return row && toCallerId(row)
}

export async function hasNumber(read: Read, accountSid: string, phoneNumber: string): Promise<boolean> {
  const row = await read.get`
    select sid from caller_id where account_sid = ${accountSid} and phone_number = ${phoneNumber}`
  return row !== undefined
}

export async function listCallerIds(
  read: Read,
  accountSid: string,
  filter: { phoneNumber?: string | undefined; friendlyName?: string | undefined },
  page: PageRequest,
): Promise<CallerId[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from caller_id ${where([
    sql`account_sid = ${accountSid}`,
    filter.phoneNumber === undefined ? undefined : sql`phone_number = ${filter.phoneNumber}`,
    filter.friendlyName === undefined ? undefined : sql`friendly_name = ${filter.friendlyName}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toCallerId)
}

/** Changes nothing if the account has the number already. */
export const insertCallerId = (tx: Tx, c: CallerId) =>
  tx.run`insert into caller_id (sid, account_sid, phone_number, friendly_name, created_at, updated_at)
    values (${c.sid}, ${c.accountSid}, ${c.phoneNumber}, ${c.friendlyName}, ${c.createdAtMs}, ${c.updatedAtMs})
    on conflict (account_sid, phone_number) do nothing`

export const updateCallerId = (tx: Tx, c: CallerId) =>
  tx.run`update caller_id set friendly_name = ${c.friendlyName}, updated_at = ${c.updatedAtMs}
    where sid = ${c.sid} and account_sid = ${c.accountSid}`

export const deleteCallerId = (tx: Tx, accountSid: string, sid: string) =>
  tx.run`delete from caller_id where sid = ${sid} and account_sid = ${accountSid}`

/** Takes the place of an earlier one for the same number. */
export const insertRequest = (tx: Tx, r: ValidationRequest) =>
  tx.run`insert into caller_id_request (account_sid, phone_number, friendly_name, verification_sid, expires_at)
    values (${r.accountSid}, ${r.phoneNumber}, ${r.friendlyName}, ${r.verificationSid}, ${r.expiresAtMs})
    on conflict (account_sid, phone_number) do update set friendly_name = excluded.friendly_name,
      verification_sid = excluded.verification_sid, expires_at = excluded.expires_at`

export async function findRequest(
  read: Read,
  accountSid: string,
  phoneNumber: string,
): Promise<ValidationRequest | undefined> {
  const row = await read.get<{ friendly_name: string; verification_sid: string; expires_at: number }>`
    select friendly_name, verification_sid, expires_at from caller_id_request
    where account_sid = ${accountSid} and phone_number = ${phoneNumber}`
  return (
    row && {
      accountSid,
      phoneNumber,
      friendlyName: row.friendly_name,
      verificationSid: row.verification_sid,
      expiresAtMs: row.expires_at,
    }
  )
}

export const deleteRequest = (tx: Tx, accountSid: string, phoneNumber: string) =>
  tx.run`delete from caller_id_request where account_sid = ${accountSid} and phone_number = ${phoneNumber}`

export const deleteExpiredRequests = (tx: Tx, accountSid: string, nowMs: number) =>
  tx.run`delete from caller_id_request where account_sid = ${accountSid} and expires_at <= ${nowMs}`
