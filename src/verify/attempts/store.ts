import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { sidPlacement } from '../../storage/sid.ts'
import { type Access, Clause, type Fragment, type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Attempt, MessageSpec, Tally } from './attempt.ts'

export const HOUR_MS = 3_600_000
/** How many of a number's characters the hours are kept apart by: `+` and six digits. */
export const PREFIX_LENGTH = 7

interface Row {
  placement: number
  sid: string
  account_sid: string
  service_sid: string
  verification_sid: string
  slot: Uint8Array
  recipient: string
  channel: Attempt['channel']
  country: Attempt['country']
  message: string
  code_version: number
  status: Attempt['status']
  provider: string | null
  error_code: string | null
  converted: number
  price_micros: number | null
  due_at: number | null
  tries: number
  expires_at: number
  created_at: number
  updated_at: number
}

const toAttempt = (row: Row): Attempt => ({
  sid: row.sid,
  placement: row.placement,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  verificationSid: row.verification_sid,
  slot: row.slot,
  recipient: row.recipient,
  channel: row.channel,
  country: row.country,
  message: JSON.parse(row.message) as MessageSpec,
  codeVersion: row.code_version,
  status: row.status,
  provider: row.provider,
  errorCode: row.error_code,
  converted: row.converted === 1,
  priceMicros: row.price_micros,
  dueAtMs: row.due_at,
  tries: row.tries,
  expiresAtMs: row.expires_at,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export const insertAttempt = (tx: Tx, a: Attempt) =>
  tx.run`insert into attempt (placement, sid, account_sid, service_sid, verification_sid, slot, recipient, channel,
      country, message, code_version, status, converted, queue, due_at, tries, expires_at, created_at, updated_at)
    values (${a.placement}, ${a.sid}, ${a.accountSid}, ${a.serviceSid}, ${a.verificationSid}, ${a.slot},
      ${a.recipient}, ${a.channel}, ${a.country}, ${JSON.stringify(a.message)}, ${a.codeVersion}, ${a.status}, 0,
      ${a.channel}, ${a.dueAtMs}, ${a.tries}, ${a.expiresAtMs}, ${a.createdAtMs}, ${a.updatedAtMs})`

export const convertAttempt = (tx: Tx, accountSid: string, sid: string, nowMs: number) =>
  tx.run`update attempt set converted = 1, updated_at = ${nowMs}
    where placement = ${sidPlacement(sid)} and sid = ${sid} and account_sid = ${accountSid}`

export async function findAttempt(read: Read, accountSid: string, sid: string): Promise<Attempt | undefined> {
  const row = await read.get<Row>`
    select * from attempt where placement = ${sidPlacement(sid)} and sid = ${sid} and account_sid = ${accountSid}`
  return row && toAttempt(row)
}

// What the queue does is not done for one tenant: it holds the row's key, taken from the row itself.

export async function findQueued(read: Read, placement: number, sid: string): Promise<Attempt | undefined> {
  const row = await read.get<Row>`select * from attempt where placement = ${placement} and sid = ${sid}`
  return row && toAttempt(row)
}

/** The same, its row taken until the unit ends. */
export async function takeQueued(tx: Tx, placement: number, sid: string, forUpdate: Fragment) {
  const row = await tx.get<Row>`
    select * from attempt where placement = ${placement} and sid = ${sid}${forUpdate}`
  return row && toAttempt(row)
}

/** Rows of a channel whose time has come and whose code lives, oldest first. */
export async function listDue(read: Read, channel: string, nowMs: number, limit: number): Promise<Attempt[]> {
  const rows = await read.all<Row>`
    select * from attempt where queue = ${channel} and due_at <= ${nowMs} and due_at is not null
      and expires_at > ${nowMs}
    order by due_at limit ${limit}`
  return rows.map(toAttempt)
}

/** Rows of a channel that are due and come too late, oldest first. */
export async function listOverdue(read: Read, channel: string, nowMs: number, limit: number) {
  const rows = await read.all<Row>`
    select * from attempt where queue = ${channel} and due_at <= ${nowMs} and due_at is not null
      and expires_at <= ${nowMs}
    order by due_at limit ${limit}`
  return rows.map(toAttempt)
}

// Below, `coalesce`: PostgreSQL may take `due_at = …` for a reason to walk the index of all that are due.

/** Takes a row until `untilMs`, unless another node was first. Changes one row or none. */
export const lease = (tx: Tx, a: Attempt, untilMs: number) =>
  tx.run`update attempt set due_at = ${untilMs}
    where placement = ${a.placement} and sid = ${a.sid} and coalesce(due_at, 0) = ${a.dueAtMs}`

/** For the start on SQLite: nobody else can hold a row. */
export const freeLeases = (tx: Tx, channel: string, nowMs: number) =>
  tx.run`update attempt set due_at = ${nowMs} where queue = ${channel} and due_at > ${nowMs} and due_at is not null`

/**
 * What became of a try: the row leaves the queue when `dueAtMs` is null. Only while the lease is held. The status only
 * moves forward: a receipt may have told of an earlier hand-over meanwhile.
 */
export const updateTry = (tx: Tx, a: Attempt, leasedUntilMs: number | null) =>
  tx.run`update attempt set
      status = case when status in ('queued', 'sent') and ${a.status} <> 'queued' then ${a.status} else status end,
      error_code = case when status in ('queued', 'sent') then ${a.errorCode} else error_code end,
      provider = ${a.provider},
      queue = ${a.dueAtMs === null ? null : a.channel}, due_at = ${a.dueAtMs}, tries = ${a.tries},
      price_micros = ${a.priceMicros}, updated_at = ${a.updatedAtMs}
    where placement = ${a.placement} and sid = ${a.sid} and coalesce(due_at, 0) = ${leasedUntilMs}`

/** What a receipt says. Once the message has arrived, the row leaves the queue. */
export const updateMessageStatus = (tx: Tx, a: Attempt) =>
  tx.run`update attempt set status = ${a.status}, error_code = ${a.errorCode},
      queue = ${a.dueAtMs === null ? null : a.channel}, due_at = ${a.dueAtMs}, updated_at = ${a.updatedAtMs}
    where placement = ${a.placement} and sid = ${a.sid}`

export interface AttemptFilter {
  createdAfterMs?: number | undefined
  createdBeforeMs?: number | undefined
  /** Of one recipient, in all services. */
  slot?: Uint8Array | undefined
  country?: string | undefined
  channel?: string | undefined
  serviceSid?: string | undefined
  /** These only, of one placement. */
  sids?: readonly string[] | undefined
  converted?: boolean | undefined
  /** Digits that the number begins with, `+` included. */
  prefix?: string | undefined
}

const matches = (accountSid: string, f: AttemptFilter): (Clause | undefined)[] => [
  f.sids && among(f.sids),
  f.slot && sql`slot = ${f.slot}`,
  // As an expression where these decide: without statistics SQLite would walk all attempts of the account.
  f.sids || f.slot ? sql`account_sid || '' = ${accountSid}` : sql`account_sid = ${accountSid}`,
  f.createdAfterMs === undefined ? undefined : sql`created_at >= ${f.createdAfterMs}`,
  f.createdBeforeMs === undefined ? undefined : sql`created_at < ${f.createdBeforeMs}`,
  f.country === undefined ? undefined : sql`country = ${f.country}`,
  f.channel === undefined ? undefined : sql`channel = ${f.channel}`,
  f.serviceSid === undefined ? undefined : sql`service_sid = ${f.serviceSid}`,
  f.converted === undefined ? undefined : sql`converted = ${f.converted ? 1 : 0}`,
  f.prefix === undefined
    ? undefined
    : sql`channel <> 'email' and substr(recipient, 1, ${f.prefix.length}) = ${f.prefix}`,
]

const among = (sids: readonly string[]) =>
  sql`placement = ${sidPlacement(sids[0] ?? '')} and sid in (${new Clause(['', ...sids.slice(1).map(() => ', '), ''], sids)})`

/** Whether an index finds what matches, without passing over what does not. */
const isIndexed = ({ sids, slot, country, channel, serviceSid, converted }: AttemptFilter) =>
  sids !== undefined ||
  slot !== undefined ||
  [country, channel, serviceSid, converted].every((condition) => condition === undefined)

/** A page of attempts, newest first. */
export async function listAttempts(
  { read, scan }: Pick<Access, 'read' | 'scan'>,
  accountSid: string,
  filter: AttemptFilter,
  page: PageRequest,
) {
  const { edge, order } = keyset(page)
  const reader = isIndexed(filter) ? read : scan
  const rows = await reader.all<Row>`
    select * from attempt ${where([...matches(accountSid, filter), edge])} ${order} limit ${page.limit}`
  return rows.map(toAttempt)
}

/** Counts attempts one by one. */
export async function countAttempts(read: Read, accountSid: string, filter: AttemptFilter): Promise<Tally> {
  const row = await read.get<Tally>`
    select count(*) as total, coalesce(sum(converted), 0) as converted
    from attempt ${where(matches(accountSid, filter))}`
  return { total: Number(row?.total ?? 0), converted: Number(row?.converted ?? 0) }
}

/** Counts folded hours, `fromHour` included, `toHour` not; hours since 1970. */
export async function countHours(
  read: Read,
  accountSid: string,
  fromHour: number,
  toHour: number,
  f: AttemptFilter,
): Promise<Tally> {
  const row = await read.get<Tally>`
    select coalesce(sum(total), 0) as total, coalesce(sum(converted), 0) as converted from attempt_hour ${where(
      [
        sql`account_sid = ${accountSid}`,
        sql`hour >= ${fromHour}`,
        sql`hour < ${toHour}`,
        f.country === undefined ? undefined : sql`country = ${f.country}`,
        f.channel === undefined ? undefined : sql`channel = ${f.channel}`,
        f.serviceSid === undefined ? undefined : sql`service_sid = ${f.serviceSid}`,
        f.prefix === undefined ? undefined : sql`substr(prefix, 1, ${f.prefix.length}) = ${f.prefix}`,
      ],
    )}`
  return { total: Number(row?.total ?? 0), converted: Number(row?.converted ?? 0) }
}

/** Folds one hour of an account's attempts. Only for hours in which nothing converts any more. */
export const foldHour = (tx: Tx, accountSid: string, hour: number) =>
  tx.run`insert into attempt_hour (account_sid, service_sid, channel, country, prefix, hour, total, converted)
    select account_sid, service_sid, channel, coalesce(country, ''),
      case when channel = 'email' then '' else substr(recipient, 1, 7) end, ${hour}, count(*), sum(converted)
    from attempt where account_sid = ${accountSid}
      and created_at >= ${hour * HOUR_MS} and created_at < ${(hour + 1) * HOUR_MS}
    group by 1, 2, 3, 4, 5
    on conflict (account_sid, hour, service_sid, channel, country, prefix) do nothing`

/** When the account's first attempt from `fromMs` on was made. */
export async function firstCreatedAtMs(read: Read, accountSid: string, fromMs: number) {
  const row = await read.get<{ created_at: number }>`
    select created_at from attempt where account_sid = ${accountSid} and created_at >= ${fromMs}
    order by created_at limit 1`
  return row?.created_at
}
