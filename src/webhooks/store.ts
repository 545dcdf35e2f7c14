import { pruneTable } from '../storage/retention.ts'
import { sidFloor } from '../storage/sid.ts'
import { type Access, sql, type Tx } from '../storage/storage.ts'

/** A callback to an address of a customer's, and its own entry in the queue while `dueAtMs` is set. */
export interface Delivery {
  sid: string
  accountSid: string
  url: string
  method: 'GET' | 'POST'
  form: Record<string, string>
  status: 'queued' | 'delivered' | 'failed'
  /** Why the last try failed. */
  detail: string | null
  dueAtMs: number | null
  tries: number
  /** Not tried again after. */
  expiresAtMs: number
  createdAtMs: number
  updatedAtMs: number
}

interface Row {
  sid: string
  account_sid: string
  url: string
  method: Delivery['method']
  form: string
  status: Delivery['status']
  detail: string | null
  due_at: number | null
  tries: number
  expires_at: number
  created_at: number
  updated_at: number
}

const toDelivery = (row: Row): Delivery => ({
  sid: row.sid,
  accountSid: row.account_sid,
  url: row.url,
  method: row.method,
  form: JSON.parse(row.form),
  status: row.status,
  detail: row.detail,
  dueAtMs: row.due_at,
  tries: row.tries,
  expiresAtMs: row.expires_at,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export const insertDelivery = (tx: Tx, d: Delivery) =>
  tx.run`insert into webhook_delivery (sid, account_sid, url, method, form, status, due_at, tries, expires_at,
      created_at, updated_at)
    values (${d.sid}, ${d.accountSid}, ${d.url}, ${d.method}, ${JSON.stringify(d.form)}, ${d.status}, ${d.dueAtMs},
      ${d.tries}, ${d.expiresAtMs}, ${d.createdAtMs}, ${d.updatedAtMs})`

// What the queue does is not done for one tenant.

/** Those whose time has come: the oldest, or where there are more than `limit` those of each account in turn. */
export async function listDue(
  { read, scan }: Pick<Access, 'read' | 'scan'>,
  nowMs: number,
  limit: number,
): Promise<Delivery[]> {
  const isDue = sql`due_at <= ${nowMs} and due_at is not null`
  const oldest = await read.all<Row>`
    select * from webhook_delivery where ${isDue} order by due_at, sid limit ${limit}`
  if (oldest.length < limit) return oldest.map(toDelivery)
  // All of them have to be read for that.
  const rows = await scan.all<Row>`select * from (
      select *, row_number() over (partition by account_sid order by due_at, sid) as turn from webhook_delivery
      where ${isDue}
    ) as due order by turn, due_at, sid limit ${limit}`
  return rows.map(toDelivery)
}

/** Takes a row until `untilMs`, unless another node was first. Changes one row or none. */
export const lease = (tx: Tx, d: Delivery, untilMs: number) =>
  tx.run`update webhook_delivery set due_at = ${untilMs}
    where sid = ${d.sid} and coalesce(due_at, 0) = ${d.dueAtMs}`

/** What became of a try. Only while the lease is held. */
export const updateTry = (tx: Tx, d: Delivery, leasedUntilMs: number | null) =>
  tx.run`update webhook_delivery set status = ${d.status}, detail = ${d.detail}, due_at = ${d.dueAtMs},
      tries = ${d.tries}, updated_at = ${d.updatedAtMs}
    where sid = ${d.sid} and coalesce(due_at, 0) = ${leasedUntilMs}`

/** Deletes what was queued before a time: long settled. */
export const pruneDeliveries = (access: Access, beforeMs: number) =>
  pruneTable(access, sql`webhook_delivery`, sidFloor('WD', 0, beforeMs))
