import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Access, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Service, Settings } from './service.ts'

interface Row {
  sid: string
  account_sid: string
  settings: string
  revision: number
  created_at: number
  updated_at: number
}

const toService = (row: Row): Service => ({
  sid: row.sid,
  accountSid: row.account_sid,
  settings: JSON.parse(row.settings) as Settings,
  revision: row.revision,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findService(read: Read, accountSid: string, sid: string): Promise<Service | undefined> {
  const row = await read.get<Row>`
    select * from service where sid = ${sid} and account_sid = ${accountSid} and deleted_at is null`
  return row && toService(row)
}

export async function listServices(read: Read, accountSid: string, page: PageRequest) {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from service ${where([
    sql`account_sid = ${accountSid}`,
    sql`deleted_at is null`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toService)
}

export const insertService = (tx: Tx, s: Service) =>
  tx.run`insert into service (sid, account_sid, settings, revision, created_at, updated_at)
    values (${s.sid}, ${s.accountSid}, ${JSON.stringify(s.settings)}, ${s.revision}, ${s.createdAtMs},
      ${s.updatedAtMs})`

/** Changes nothing if the revision has moved on since it was read. */
export const updateSettings = (tx: Tx, s: Service) =>
  tx.run`update service set settings = ${JSON.stringify(s.settings)}, revision = ${s.revision},
    updated_at = ${s.updatedAtMs}
    where sid = ${s.sid} and account_sid = ${s.accountSid} and revision = ${s.revision - 1} and deleted_at is null`

export const markDeleted = (tx: Tx, s: Service, nowMs: number) =>
  tx.run`update service set deleted_at = ${nowMs}, revision = revision + 1
    where sid = ${s.sid} and account_sid = ${s.accountSid} and deleted_at is null`

/** Some of those, of all tenants, deleted so long ago that nothing of them is left but counts. */
export async function pruneServices({ read, write }: Access, beforeMs: number): Promise<void> {
  const rows = await read.all<{ sid: string }>`
    select sid from service where deleted_at < ${beforeMs} and deleted_at is not null order by deleted_at limit 100`
  if (rows.length === 0) return
  await write(async (tx) => {
    for (const { sid } of rows) await tx.run`delete from service where sid = ${sid}`
  })
}

/** The account's oldest: what a first-time user is shown. */
export async function findFirstService(read: Read, accountSid: string): Promise<Service | undefined> {
  const row =
    await read.get<Row>`select * from service where account_sid = ${accountSid} and deleted_at is null
    order by created_at, sid limit 1`
  return row && toService(row)
}
