import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Access, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Resource, ResourceKind } from './resource.ts'

interface Row {
  sid: string
  account_sid: string
  service_sid: string
  kind: ResourceKind
  friendly_name: string
  created_at: number
  updated_at: number
}

const toResource = (row: Row): Resource => ({
  sid: row.sid,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  kind: row.kind,
  friendlyName: row.friendly_name,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findResource(
  read: Read,
  accountSid: string,
  serviceSid: string,
  kind: ResourceKind,
  sid: string,
): Promise<Resource | undefined> {
  const row = await read.get<Row>`select * from fn_resource
    where sid = ${sid} and account_sid = ${accountSid} and service_sid = ${serviceSid} and kind = ${kind}`
  return row && toResource(row)
}

export async function listResources(
  read: Read,
  accountSid: string,
  serviceSid: string,
  kind: ResourceKind,
  page: PageRequest,
): Promise<Resource[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_resource ${where([
    sql`service_sid = ${serviceSid}`,
    sql`kind = ${kind}`,
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toResource)
}

export async function countResources(
  read: Read,
  accountSid: string,
  serviceSid: string,
  kind: ResourceKind,
): Promise<number> {
  const row = await read.get<{ count: number }>`select count(*) as count from fn_resource
    where service_sid = ${serviceSid} and kind = ${kind} and account_sid = ${accountSid}`
  return row?.count ?? 0
}

export const insertResource = (tx: Tx, r: Resource) =>
  tx.run`insert into fn_resource (sid, account_sid, service_sid, kind, friendly_name, created_at, updated_at)
    values (${r.sid}, ${r.accountSid}, ${r.serviceSid}, ${r.kind}, ${r.friendlyName}, ${r.createdAtMs},
      ${r.updatedAtMs})`

export const updateResource = (tx: Tx, r: Resource) =>
  tx.run`update fn_resource set friendly_name = ${r.friendlyName}, updated_at = ${r.updatedAtMs}
    where sid = ${r.sid} and account_sid = ${r.accountSid}`

export const deleteRow = (tx: Tx, accountSid: string, sid: string) =>
  tx.run`delete from fn_resource where sid = ${sid} and account_sid = ${accountSid}`

/** Some of a service. */
export const listOfService = ({ read }: Access, serviceSid: string, limit: number) =>
  read.all<{ sid: string; account_sid: string }>`select sid, account_sid from fn_resource
    where service_sid = ${serviceSid} limit ${limit}`
