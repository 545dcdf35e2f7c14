import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { AuditEvent, Link } from './audit.ts'

interface Row {
  sid: string
  account_sid: string
  actor_sid: string
  actor_type: AuditEvent['actorType']
  event_type: string
  resource_type: string
  resource_sid: string
  data: string
  source: AuditEvent['source']
  source_ip: string
  created_at: number
  row_mac: Uint8Array
  n: number | null
  mac: Uint8Array | null
}

const toEvent = (row: Row): AuditEvent => ({
  sid: row.sid,
  accountSid: row.account_sid,
  actorSid: row.actor_sid,
  actorType: row.actor_type,
  type: row.event_type,
  resourceType: row.resource_type,
  resourceSid: row.resource_sid,
  data: row.data,
  source: row.source,
  sourceIp: row.source_ip,
  createdAtMs: row.created_at,
})

export const insertEvent = (tx: Tx, e: AuditEvent, rowMac: Uint8Array) =>
  tx.run`insert into audit_event (sid, account_sid, actor_sid, actor_type, event_type, resource_type, resource_sid,
      data, source, source_ip, created_at, row_mac)
    values (${e.sid}, ${e.accountSid}, ${e.actorSid}, ${e.actorType}, ${e.type}, ${e.resourceType}, ${e.resourceSid},
      ${e.data}, ${e.source}, ${e.sourceIp}, ${e.createdAtMs}, ${rowMac})`

export async function findEvent(
  read: Read,
  accountSid: string,
  sid: string,
): Promise<AuditEvent | undefined> {
  const row =
    await read.get<Row>`select * from audit_event where sid = ${sid} and account_sid = ${accountSid}`
  return row && toEvent(row)
}

/** Of a list; both times are inclusive. */
export interface EventFilter {
  actorSid?: string | undefined
  type?: string | undefined
  resourceSid?: string | undefined
  sourceIp?: string | undefined
  startMs?: number | undefined
  endMs?: number | undefined
}

export async function listEvents(
  read: Read,
  accountSid: string,
  filter: EventFilter,
  page: PageRequest,
): Promise<AuditEvent[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from audit_event ${where([
    sql`account_sid = ${accountSid}`,
    filter.actorSid === undefined ? undefined : sql`actor_sid = ${filter.actorSid}`,
    filter.type === undefined ? undefined : sql`event_type = ${filter.type}`,
    filter.resourceSid === undefined ? undefined : sql`resource_sid = ${filter.resourceSid}`,
    filter.sourceIp === undefined ? undefined : sql`source_ip = ${filter.sourceIp}`,
    filter.startMs === undefined ? undefined : sql`created_at >= ${filter.startMs}`,
    filter.endMs === undefined ? undefined : sql`created_at <= ${filter.endMs}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toEvent)
}

/** A log-in that is an event. */
export interface Login {
  sourceIp: string
  atMs: number
}

/** More than these of an actor in a day are no events. */
export const MAX_LOGINS = 1_000

/** From where an actor logged in since then, newest first; the newest 1,000. Costs the same where there is no such actor. */
export async function listLogins(read: Read, actorSid: string, sinceMs: number): Promise<Login[]> {
  const rows = await read.all<
    Pick<Row, 'source_ip' | 'created_at'>
  >`select source_ip, created_at from audit_event
    where actor_sid = ${actorSid} and event_type = 'login.accepted' and created_at >= ${sinceMs}
    order by created_at desc limit ${MAX_LOGINS}`
  return rows.map((row) => ({ sourceIp: row.source_ip, atMs: row.created_at }))
}

/** An event as the chain knows it; `n` and `mac` are null until it is sealed. */
export interface ChainedEvent {
  event: AuditEvent
  rowMac: Uint8Array
  n: number | null
  mac: Uint8Array | null
}

const toChained = (row: Row): ChainedEvent => ({
  event: toEvent(row),
  rowMac: row.row_mac,
  n: row.n,
  mac: row.mac,
})

export const readHead = (read: Read) => read.get<Link>`select n, mac from audit_head where id = 1`

export const insertHead = (tx: Tx, { n, mac }: Link, nowMs: number) =>
  tx.run`insert into audit_head (id, n, mac, sealed_at) values (1, ${n}, ${mac}, ${nowMs})
    on conflict (id) do nothing`

/** Changes nothing if another node has moved it on; else no other can until the unit ends. */
export const moveHead = (tx: Tx, from: Link, { n, mac }: Link, nowMs: number) =>
  tx.run`update audit_head set n = ${n}, mac = ${mac}, sealed_at = ${nowMs} where id = 1 and n = ${from.n}`

export const listUnsealed = (read: Read, beforeMs: number, limit: number) =>
  read.all<{ sid: string; row_mac: Uint8Array }>`select sid, row_mac from audit_event
    where n is null and created_at <= ${beforeMs} order by created_at, sid limit ${limit}`

export const sealEvent = (tx: Tx, sid: string, { n, mac }: Link) =>
  tx.run`update audit_event set n = ${n}, mac = ${mac} where sid = ${sid} and n is null`

/** In the order of the chain. */
export async function listSealed(read: Read, afterN: number, limit: number): Promise<ChainedEvent[]> {
  const rows = await read.all<Row>`select * from audit_event where n is not null and n > ${afterN}
    order by n limit ${limit}`
  return rows.map(toChained)
}

/** Not sealed yet, oldest first, after a sid. */
export async function listOpen(read: Read, afterSid: string, limit: number): Promise<ChainedEvent[]> {
  const rows = await read.all<Row>`select * from audit_event where n is null and sid > ${afterSid}
    order by sid limit ${limit}`
  return rows.map(toChained)
}

/** Of all accounts, oldest first, after a sid. */
export async function listAllEvents(read: Read, afterSid: string, limit: number): Promise<ChainedEvent[]> {
  const rows =
    await read.all<Row>`select * from audit_event where sid > ${afterSid} order by sid limit ${limit}`
  return rows.map(toChained)
}
