import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Access, type Fragment, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { ResourceKind } from '../resources/resource.ts'
import type { Version, Visibility } from './version.ts'

interface Row {
  sid: string
  account_sid: string
  service_sid: string
  resource_sid: string
  kind: ResourceKind
  path: string
  visibility: Visibility
  content_type: string
  hash: string
  size: number
  created_at: number
}

const toVersion = (row: Row): Version => ({
  sid: row.sid,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  resourceSid: row.resource_sid,
  kind: row.kind,
  path: row.path,
  visibility: row.visibility,
  contentType: row.content_type,
  hash: row.hash,
  size: row.size,
  createdAtMs: row.created_at,
})

export async function findVersion(
  read: Read,
  accountSid: string,
  resourceSid: string,
  sid: string,
): Promise<Version | undefined> {
  const row = await read.get<Row>`select * from fn_version
    where sid = ${sid} and account_sid = ${accountSid} and resource_sid = ${resourceSid}`
  return row && toVersion(row)
}

/** Until the unit ends nobody removes it. */
export async function lockVersion(
  tx: Tx,
  forUpdate: Fragment,
  accountSid: string,
  serviceSid: string,
  sid: string,
): Promise<Version | undefined> {
  const row = await tx.get<Row>`select * from fn_version
    where sid = ${sid} and account_sid = ${accountSid} and service_sid = ${serviceSid} ${forUpdate}`
  return row && toVersion(row)
}

export async function listVersions(
  read: Read,
  accountSid: string,
  resourceSid: string,
  page: PageRequest,
): Promise<Version[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_version ${where([
    sql`resource_sid = ${resourceSid}`,
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toVersion)
}

/** All that a build is made of, by path. */
export async function listVersionsOfBuild(
  read: Read,
  accountSid: string,
  buildSid: string,
): Promise<Version[]> {
  const rows = await read.all<Row>`select v.* from fn_build_item i join fn_version v on v.sid = i.version_sid
    where i.build_sid = ${buildSid} and i.account_sid = ${accountSid} order by v.path, v.sid`
  return rows.map(toVersion)
}

export const insertVersion = (tx: Tx, v: Version) =>
  tx.run`insert into fn_version (sid, account_sid, service_sid, resource_sid, kind, path, visibility, content_type,
      hash, size, created_at)
    values (${v.sid}, ${v.accountSid}, ${v.serviceSid}, ${v.resourceSid}, ${v.kind}, ${v.path}, ${v.visibility},
      ${v.contentType}, ${v.hash}, ${v.size}, ${v.createdAtMs})`

/** Of the versions of one resource those that no build holds. */
export async function listUnbuilt(tx: Tx, accountSid: string, resourceSid: string): Promise<Version[]> {
  const rows = await tx.all<Row>`select * from fn_version
    where resource_sid = ${resourceSid} and account_sid = ${accountSid}
      and not exists (select 1 from fn_build_item i where i.version_sid = fn_version.sid) order by sid limit 500`
  return rows.map(toVersion)
}

/** Some of those, of all tenants, that are older, that no build holds, and whose sids follow `after`. */
export async function listForgotten(
  { scan }: Access,
  after: string,
  before: string,
  limit: number,
): Promise<Version[]> {
  const rows = await scan.all<Row>`select * from fn_version where sid > ${after} and sid < ${before}
      and not exists (select 1 from fn_build_item i where i.version_sid = fn_version.sid)
    order by sid limit ${limit}`
  return rows.map(toVersion)
}

/** Some of a service. */
export async function listOfService({ read }: Access, serviceSid: string, limit: number): Promise<Version[]> {
  const rows = await read.all<Row>`select * from fn_version where service_sid = ${serviceSid} limit ${limit}`
  return rows.map(toVersion)
}

/** Deletes nothing where a build holds it. To be called with the row locked, so that none comes to hold it. */
export const deleteUnbuilt = (tx: Tx, { accountSid, sid }: Version) =>
  tx.run`delete from fn_version where sid = ${sid} and account_sid = ${accountSid}
    and not exists (select 1 from fn_build_item where version_sid = ${sid})`
