import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Access, type Fragment, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Build } from './build.ts'
import type { Dependency } from './dependencies.ts'

interface Row {
  sid: string
  account_sid: string
  service_sid: string
  status: Build['status']
  reason: string | null
  dependencies: string
  runtime: string
  created_at: number
  updated_at: number
}

const toBuild = (row: Row): Build => ({
  sid: row.sid,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  status: row.status,
  reason: row.reason,
  dependencies: JSON.parse(row.dependencies) as Dependency[],
  runtime: row.runtime,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findBuild(
  read: Read,
  accountSid: string,
  serviceSid: string,
  sid: string,
): Promise<Build | undefined> {
  const row = await read.get<Row>`select * from fn_build
    where sid = ${sid} and account_sid = ${accountSid} and service_sid = ${serviceSid}`
  return row && toBuild(row)
}

/** Until the unit ends nobody removes it. */
export async function lockBuild(
  tx: Tx,
  forUpdate: Fragment,
  accountSid: string,
  serviceSid: string,
  sid: string,
): Promise<Build | undefined> {
  const row = await tx.get<Row>`select * from fn_build
    where sid = ${sid} and account_sid = ${accountSid} and service_sid = ${serviceSid} ${forUpdate}`
  return row && toBuild(row)
}

export async function listBuilds(
  read: Read,
  accountSid: string,
  serviceSid: string,
  page: PageRequest,
): Promise<Build[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_build ${where([
    sql`service_sid = ${serviceSid}`,
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toBuild)
}

/** Counts one more that an account asks for. Resolves to how many it has asked for in this hour, this one included. */
export async function countAsked(tx: Tx, accountSid: string, hour: number): Promise<number> {
  const row = await tx.get<{ asked: number }>`
    insert into fn_build_hour (account_sid, hour, asked) values (${accountSid}, ${hour}, 1)
    on conflict (account_sid) do update set hour = excluded.hour,
      asked = case when fn_build_hour.hour = excluded.hour then fn_build_hour.asked + 1 else 1 end
    returning asked`
  return row?.asked ?? 0
}

/** Due at once. */
export const insertBuild = (tx: Tx, b: Build) =>
  tx.run`insert into fn_build (sid, account_sid, service_sid, status, dependencies, runtime, due_at, created_at,
      updated_at)
    values (${b.sid}, ${b.accountSid}, ${b.serviceSid}, ${b.status}, ${JSON.stringify(b.dependencies)}, ${b.runtime},
      ${b.createdAtMs}, ${b.createdAtMs}, ${b.updatedAtMs})`

export const insertBuildItem = (tx: Tx, { accountSid, sid }: Build, versionSid: string) =>
  tx.run`insert into fn_build_item (account_sid, build_sid, version_sid)
    values (${accountSid}, ${sid}, ${versionSid})`

export async function deleteBuild(tx: Tx, accountSid: string, sid: string): Promise<number> {
  await tx.run`delete from fn_build_item where build_sid = ${sid} and account_sid = ${accountSid}`
  return tx.run`delete from fn_build where sid = ${sid} and account_sid = ${accountSid}`
}

/** Some of a service. */
export const listOfService = ({ read }: Access, serviceSid: string, limit: number) =>
  read.all<{ sid: string; account_sid: string }>`select sid, account_sid from fn_build
    where service_sid = ${serviceSid} limit ${limit}`

/** What it takes to run a build. */
export const findRunnable = (read: Read, accountSid: string, sid: string) =>
  read.get<{ dependencies: string; lock: string | null }>`
    select dependencies, lock from fn_build where sid = ${sid} and account_sid = ${accountSid}`

// What the queue does is not done for one tenant.

/** A build that is to be made, and its entry in the queue. */
export interface DueBuild {
  sid: string
  accountSid: string
  /** As JSON text: `[{name,version}]`. */
  dependencies: string
  /** When it was first taken; null where it never was. */
  begunAtMs: number | null
  dueAtMs: number
}

interface DueRow {
  sid: string
  account_sid: string
  dependencies: string
  begun_at: number | null
  due_at: number
}

const toDueBuild = (row: DueRow): DueBuild => ({
  sid: row.sid,
  accountSid: row.account_sid,
  dependencies: row.dependencies,
  begunAtMs: row.begun_at,
  dueAtMs: row.due_at,
})

/** Those whose time has come: each account's in turn, after those of it that are being made. */
export async function listDueBuilds(read: Read, nowMs: number, limit: number): Promise<DueBuild[]> {
  const rows = await read.all<DueRow>`
    select sid, account_sid, dependencies, begun_at, due_at from (
      select *, row_number() over (partition by account_sid
          order by case when due_at > ${nowMs} then 0 else 1 end, due_at, sid) as turn
      from fn_build where due_at > 0 and due_at is not null
    ) as queued where due_at <= ${nowMs} order by turn, due_at, sid limit ${limit}`
  return rows.map(toDueBuild)
}

/** Takes a build until `untilMs`, or keeps it so long, unless another node has it. Changes one row or none. */
export const leaseBuild = (
  tx: Tx,
  sid: string,
  dueAtMs: number,
  { nowMs, untilMs }: { nowMs: number; untilMs: number },
) =>
  tx.run`update fn_build set due_at = ${untilMs}, begun_at = coalesce(begun_at, ${nowMs})
    where sid = ${sid} and coalesce(due_at, 0) = ${dueAtMs}`

/** What became of it. Only while the lease is held. */
export const settleBuild = (
  tx: Tx,
  sid: string,
  leasedUntilMs: number,
  { status, reason, lock, nowMs }: Pick<Build, 'status' | 'reason'> & { lock: string | null; nowMs: number },
) =>
  tx.run`update fn_build set status = ${status}, reason = ${reason}, lock = ${lock}, due_at = null,
      updated_at = ${nowMs}
    where sid = ${sid} and coalesce(due_at, 0) = ${leasedUntilMs}`

/** Ends all leases: where nobody else can hold one. */
export const freeBuilds = (tx: Tx) => tx.run`update fn_build set due_at = created_at where due_at is not null`
