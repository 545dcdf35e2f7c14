import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { IncomingNumber } from './incoming-phone-number.ts'

interface Row {
  sid: string
  account_sid: string
  phone_number: string
  friendly_name: string
  settings: string
  created_at: number
  updated_at: number
}

const toNumber = (row: Row): IncomingNumber => ({
  sid: row.sid,
  accountSid: row.account_sid,
  phoneNumber: row.phone_number,
  friendlyName: row.friendly_name,
  settings: JSON.parse(row.settings),
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findNumber(read: Read, accountSid: string, sid: string) {
  const row = await read.get<Row>`
    select * from incoming_number where sid = ${sid} and account_sid = ${accountSid}`
  return row && toNumber(row)
}

/** Whoever has it: a message that comes in names no account. For the system. */
export async function findByPhoneNumber(read: Read, phoneNumber: string) {
  const row = await read.get<Row>`select * from incoming_number where phone_number = ${phoneNumber}`
  return row && toNumber(row)
}

export async function ownsNumber(read: Read, accountSid: string, phoneNumber: string): Promise<boolean> {
  const row = await read.get`
    select sid from incoming_number where phone_number = ${phoneNumber} and account_sid = ${accountSid}`
  return row !== undefined
}

export async function listNumbers(
  read: Read,
  accountSid: string,
  filter: { phoneNumber?: string | undefined; friendlyName?: string | undefined },
  page: PageRequest,
): Promise<IncomingNumber[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from incoming_number ${where([
    sql`account_sid = ${accountSid}`,
    filter.phoneNumber === undefined ? undefined : sql`phone_number = ${filter.phoneNumber}`,
    filter.friendlyName === undefined ? undefined : sql`friendly_name = ${filter.friendlyName}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toNumber)
}

/** Changes nothing if somebody has the number. */
export const insertNumber = (tx: Tx, n: IncomingNumber) =>
  tx.run`insert into incoming_number (sid, account_sid, phone_number, friendly_name, settings, created_at, updated_at)
    values (${n.sid}, ${n.accountSid}, ${n.phoneNumber}, ${n.friendlyName}, ${JSON.stringify(n.settings)},
      ${n.createdAtMs}, ${n.updatedAtMs})
    on conflict (phone_number) do nothing`

export const updateNumber = (tx: Tx, n: IncomingNumber) =>
  tx.run`update incoming_number set friendly_name = ${n.friendlyName}, settings = ${JSON.stringify(n.settings)},
      updated_at = ${n.updatedAtMs}
    where sid = ${n.sid} and account_sid = ${n.accountSid}`

export const deleteNumber = (tx: Tx, accountSid: string, sid: string) =>
  tx.run`delete from incoming_number where sid = ${sid} and account_sid = ${accountSid}`
