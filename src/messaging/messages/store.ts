import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { sidPlacement } from '../../storage/sid.ts'
import { type Access, type Fragment, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Direction, Message, Status } from './message.ts'

interface Row {
  placement: number
  sid: string
  account_sid: string
  direction: Direction
  sender: string
  recipient: string
  body: Uint8Array | null
  segments: number
  status: Status
  error_code: string | null
  provider: string | null
  price_micros: number | null
  callback: string | null
  due_at: number | null
  tries: number
  expires_at: number
  sent_at: number | null
  created_at: number
  updated_at: number
}

const toMessage = (row: Row): Message => ({
  sid: row.sid,
  placement: row.placement,
  accountSid: row.account_sid,
  direction: row.direction,
  from: row.sender,
  to: row.recipient,
  body: row.body,
  segments: row.segments,
  status: row.status,
  errorCode: row.error_code,
  provider: row.provider,
  priceMicros: row.price_micros,
  callback: row.callback === null ? null : JSON.parse(row.callback),
  dueAtMs: row.due_at,
  tries: row.tries,
  expiresAtMs: row.expires_at,
  sentAtMs: row.sent_at,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

/** Which queue a message waits in. */
export type Queue = 'answer' | 'send'
const queueOf = ({ direction, dueAtMs }: Message): Queue | null =>
  dueAtMs === null ? null : direction === 'inbound' ? 'answer' : 'send'

export const insertMessage = (tx: Tx, m: Message) =>
  tx.run`insert into message (placement, sid, account_sid, direction, sender, recipient, body, segments, status,
      error_code, provider, price_micros, callback, queue, due_at, tries, expires_at, sent_at, created_at, updated_at)
    values (${m.placement}, ${m.sid}, ${m.accountSid}, ${m.direction}, ${m.from}, ${m.to}, ${m.body}, ${m.segments},
      ${m.status}, ${m.errorCode}, ${m.provider}, ${m.priceMicros}, ${m.callback && JSON.stringify(m.callback)},
      ${queueOf(m)}, ${m.dueAtMs}, ${m.tries}, ${m.expiresAtMs}, ${m.sentAtMs}, ${m.createdAtMs}, ${m.updatedAtMs})`

export async function findMessage(read: Read, accountSid: string, sid: string) {
  const row = await read.get<Row>`
    select * from message where placement = ${sidPlacement(sid)} and sid = ${sid} and account_sid = ${accountSid}`
  return row && toMessage(row)
}

export interface MessageFilter {
  to?: string | undefined
  from?: string | undefined
  sentFromMs?: number | undefined
  sentToMs?: number | undefined
}

/** A page of messages, newest first. */
export async function listMessages(
  { read, scan }: Pick<Access, 'read' | 'scan'>,
  accountSid: string,
  { to, from, sentFromMs, sentToMs }: MessageFilter,
  page: PageRequest,
): Promise<Message[]> {
  const { edge, order } = keyset(page)
  // The others pass over what does not match.
  const reader = from === undefined && sentFromMs === undefined && sentToMs === undefined ? read : scan
  const rows = await reader.all<Row>`select * from message ${where([
    sql`account_sid = ${accountSid}`,
    to === undefined ? undefined : sql`recipient = ${to}`,
    from === undefined ? undefined : sql`sender = ${from}`,
    sentFromMs === undefined ? undefined : sql`sent_at >= ${sentFromMs}`,
    sentToMs === undefined ? undefined : sql`sent_at <= ${sentToMs}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toMessage)
}

/** Changes nothing where it was taken to be sent meanwhile. */
export const cancelMessage = (tx: Tx, m: Message) =>
  tx.run`update message set status = ${m.status}, queue = null, due_at = null, updated_at = ${m.updatedAtMs}
    where placement = ${m.placement} and sid = ${m.sid} and account_sid = ${m.accountSid} and status = 'queued'`

export const redactMessage = (tx: Tx, m: Message) =>
  tx.run`update message set body = null, updated_at = ${m.updatedAtMs}
    where placement = ${m.placement} and sid = ${m.sid} and account_sid = ${m.accountSid} and coalesce(due_at, 0) = 0`

/** Changes nothing while it waits in a queue. */
export const deleteMessage = (tx: Tx, m: Message) =>
  tx.run`delete from message
    where placement = ${m.placement} and sid = ${m.sid} and account_sid = ${m.accountSid} and coalesce(due_at, 0) = 0`

// What the queues do is not done for one tenant: they hold the row's key, taken from the row itself.

/** Rows of a queue whose time has come: the oldest, or where there are more than `limit` those of each account in turn. */
export async function listDue(
  { read, scan }: Pick<Access, 'read' | 'scan'>,
  queue: Queue,
  nowMs: number,
  limit: number,
): Promise<Message[]> {
  const isDue = sql`queue = ${queue} and due_at <= ${nowMs} and due_at is not null`
  const oldest = await read.all<Row>`select * from message where ${isDue} order by due_at limit ${limit}`
  if (oldest.length < limit) return oldest.map(toMessage)
  // All of them have to be read for that.
  const rows = await scan.all<Row>`select * from (
      select *, row_number() over (partition by account_sid order by due_at, sid) as turn from message where ${isDue}
    ) as due order by turn, due_at, sid limit ${limit}`
  return rows.map(toMessage)
}

// Below, `coalesce`: PostgreSQL may take `due_at = …` for a reason to walk the index of all that are due.

/** Takes a row until `untilMs`, unless another node was first. Changes one row or none. */
export const lease = (tx: Tx, m: Message, untilMs: number) =>
  tx.run`update message set due_at = ${untilMs}
    where placement = ${m.placement} and sid = ${m.sid} and coalesce(due_at, 0) = ${m.dueAtMs}`

/** Makes all rows due: where nobody else can hold one. */
export const freeLeases = (tx: Tx, nowMs: number) =>
  tx.run`update message set due_at = ${nowMs}
    where queue in ('send', 'answer') and due_at > ${nowMs} and due_at is not null`

/** What became of a try: the row leaves its queue when `dueAtMs` is null. Only while the lease is held. */
export const updateTry = (tx: Tx, m: Message, leasedUntilMs: number | null) =>
  tx.run`update message set status = ${m.status}, error_code = ${m.errorCode}, provider = ${m.provider},
      price_micros = ${m.priceMicros}, queue = ${queueOf(m)}, due_at = ${m.dueAtMs}, tries = ${m.tries},
      sent_at = ${m.sentAtMs}, updated_at = ${m.updatedAtMs}
    where placement = ${m.placement} and sid = ${m.sid} and coalesce(due_at, 0) = ${leasedUntilMs}`

/** The message of a receipt, its row taken until the unit ends. */
export async function takeMessage(tx: Tx, sid: string, forUpdate: Fragment) {
  const row = await tx.get<Row>`
    select * from message where placement = ${sidPlacement(sid)} and sid = ${sid}${forUpdate}`
  return row && toMessage(row)
}

/** What a receipt says: nothing more is to be done. */
export const settleMessage = (tx: Tx, m: Message) =>
  tx.run`update message set status = ${m.status}, error_code = ${m.errorCode}, queue = null, due_at = null,
      updated_at = ${m.updatedAtMs}
    where placement = ${m.placement} and sid = ${m.sid}`
