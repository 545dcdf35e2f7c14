import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Access, type Fragment, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { FunctionService } from './service.ts'

interface Row {
  sid: string
  account_sid: string
  unique_name: string
  friendly_name: string
  include_credentials: number
  ui_editable: number
  domain_base: string
  created_at: number
  updated_at: number
}

const toService = (row: Row): FunctionService => ({
  sid: row.sid,
  accountSid: row.account_sid,
  uniqueName: row.unique_name,
  friendlyName: row.friendly_name,
  includeCredentials: row.include_credentials === 1,
  uiEditable: row.ui_editable === 1,
  domainBase: row.domain_base,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findService(
  read: Read,
  accountSid: string,
  sid: string,
): Promise<FunctionService | undefined> {
  const row = await read.get<Row>`select * from fn_service
    where sid = ${sid} and account_sid = ${accountSid} and deleted_at is null`
  return row && toService(row)
}

export async function findServiceByName(
  read: Read,
  accountSid: string,
  name: string,
): Promise<FunctionService | undefined> {
  const row = await read.get<Row>`select * from fn_service
    where account_sid = ${accountSid} and unique_name = ${name} and deleted_at is null`
  return row && toService(row)
}

/** Until the unit ends nobody else changes it, nor what is counted below it. */
export async function lockService(
  tx: Tx,
  forUpdate: Fragment,
  accountSid: string,
  sid: string,
): Promise<FunctionService | undefined> {
  const row = await tx.get<Row>`select * from fn_service
    where sid = ${sid} and account_sid = ${accountSid} and deleted_at is null ${forUpdate}`
  return row && toService(row)
}

export async function listServices(
  read: Read,
  accountSid: string,
  page: PageRequest,
): Promise<FunctionService[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_service ${where([
    sql`account_sid = ${accountSid}`,
    sql`deleted_at is null`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toService)
}

export async function countServices(read: Read, accountSid: string): Promise<number> {
  const row = await read.get<{ count: number }>`select count(*) as count from fn_service
    where account_sid = ${accountSid} and deleted_at is null`
  return row?.count ?? 0
}

/** Inserts nothing where its name or its domain is taken. */
export const insertService = (tx: Tx, s: FunctionService) =>
  tx.run`insert into fn_service (sid, account_sid, unique_name, friendly_name, include_credentials, ui_editable,
      domain_base, created_at, updated_at)
    values (${s.sid}, ${s.accountSid}, ${s.uniqueName}, ${s.friendlyName}, ${Number(s.includeCredentials)},
      ${Number(s.uiEditable)}, ${s.domainBase}, ${s.createdAtMs}, ${s.updatedAtMs})
    on conflict do nothing`

export const updateService = (tx: Tx, s: FunctionService) =>
  tx.run`update fn_service set friendly_name = ${s.friendlyName},
      include_credentials = ${Number(s.includeCredentials)}, ui_editable = ${Number(s.uiEditable)},
      updated_at = ${s.updatedAtMs}
    where sid = ${s.sid} and account_sid = ${s.accountSid}`

export const markDeleted = (tx: Tx, s: FunctionService, nowMs: number) =>
  tx.run`update fn_service set deleted_at = ${nowMs}
    where sid = ${s.sid} and account_sid = ${s.accountSid} and deleted_at is null`

/** Some of those, of all tenants, of which something may be left. */
export const listDeleted = ({ read }: Access, nowMs: number) =>
  read.all<{ sid: string }>`select sid from fn_service
    where deleted_at <= ${nowMs} and deleted_at is not null order by deleted_at limit 20`

/** Once nothing is left of it. */
export const removeService = (tx: Tx, sid: string) => tx.run`delete from fn_service where sid = ${sid}`
