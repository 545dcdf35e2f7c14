import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { IpAccessList } from './ip-list.ts'

interface Row {
  sid: string
  account_sid: string
  friendly_name: string
  cidr: string
  created_at: number
  updated_at: number
}

const toEntry = (row: Row): IpAccessList => ({
  sid: row.sid,
  accountSid: row.account_sid,
  friendlyName: row.friendly_name,
  cidr: row.cidr,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findEntry(
  read: Read,
  accountSid: string,
  sid: string,
): Promise<IpAccessList | undefined> {
  const row = await read.get<Row>`select * from ip_list where sid = ${sid} and account_sid = ${accountSid}`
  return row && toEntry(row)
}

export async function listEntries(
  read: Read,
  accountSid: string,
  page: PageRequest,
): Promise<IpAccessList[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from ip_list ${where([
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toEntry)
}

/** All networks of an account, oldest first. */
export async function listNetworks(read: Read, accountSid: string): Promise<string[]> {
  const rows = await read.all<{ cidr: string }>`
    select cidr from ip_list where account_sid = ${accountSid} order by created_at, sid`
  return rows.map(({ cidr }) => cidr)
}

export const insertEntry = (tx: Tx, e: IpAccessList) =>
  tx.run`insert into ip_list (sid, account_sid, friendly_name, cidr, created_at, updated_at)
    values (${e.sid}, ${e.accountSid}, ${e.friendlyName}, ${e.cidr}, ${e.createdAtMs}, ${e.updatedAtMs})`

export const updateEntry = (tx: Tx, e: IpAccessList) =>
  tx.run`update ip_list set friendly_name = ${e.friendlyName}, cidr = ${e.cidr}, updated_at = ${e.updatedAtMs}
    where sid = ${e.sid} and account_sid = ${e.accountSid}`

export const deleteEntry = (tx: Tx, accountSid: string, sid: string) =>
  tx.run`delete from ip_list where sid = ${sid} and account_sid = ${accountSid}`

/** Resolves to their sids. */
export const deleteEntries = async (tx: Tx, accountSid: string) =>
  (await tx.all<{ sid: string }>`delete from ip_list where account_sid = ${accountSid} returning sid`).map(
    ({ sid }) => sid,
  )
