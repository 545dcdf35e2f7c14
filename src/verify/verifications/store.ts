import { sidPlacement } from '../../storage/sid.ts'
import type { Fragment, Read, Tx } from '../../storage/storage.ts'
import type { Attempt } from '../attempts/attempt.ts'
import type { Service } from '../services/service.ts'
import type { Place, Send, Verification } from './verification.ts'

interface Row {
  placement: number
  sid: string
  account_sid: string
  service_sid: string
  slot: Uint8Array
  recipient: string
  channel: Verification['channel']
  status: Verification['status']
  open: number
  code: Uint8Array | null
  code_version: number
  sends: string
  checks: number
  amount: string | null
  payee: string | null
  lookup: string | null
  tags: string | null
  expires_at: number
  created_at: number
  updated_at: number
}

const toVerification = (row: Row): Verification => ({
  sid: row.sid,
  placement: row.placement,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  slot: row.slot,
  recipient: row.recipient,
  channel: row.channel,
  status: row.status,
  open: row.open === 1,
  code: row.code,
  codeVersion: row.code_version,
  sends: JSON.parse(row.sends),
  checks: row.checks,
  amount: row.amount,
  payee: row.payee,
  lookup: row.lookup === null ? null : JSON.parse(row.lookup),
  tags: row.tags === null ? null : JSON.parse(row.tags),
  expiresAtMs: row.expires_at,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

const json = (value: object | null) => (value === null ? null : JSON.stringify(value))

/** The one that holds the recipient's slot, expired or not. */
export async function findOpen(read: Read, { placement, slot }: Place, service: Service) {
  const row = await read.get<Row>`
    select * from verification where placement = ${placement} and slot = ${slot} and open = 1
    and account_sid = ${service.accountSid}`
  return row && toVerification(row)
}

/** The same, its row taken until the unit ends. */
export async function takeOpen(tx: Tx, { placement, slot }: Place, service: Service, forUpdate: Fragment) {
  const row = await tx.get<Row>`
    select * from verification where placement = ${placement} and slot = ${slot} and open = 1
    and account_sid = ${service.accountSid}${forUpdate}`
  return row && toVerification(row)
}

export async function findBySid(read: Read, service: Service, sid: string) {
  const row = await read.get<Row>`
    select * from verification where placement = ${sidPlacement(sid)} and sid = ${sid}
    and account_sid = ${service.accountSid} and service_sid = ${service.sid}`
  return row && toVerification(row)
}

/** What was sent for a verification, in whatever service. */
export async function findSends(read: Read, accountSid: string, sid: string): Promise<Send[] | undefined> {
  const row = await read.get<Pick<Row, 'sends'>>`select sends from verification
    where placement = ${sidPlacement(sid)} and sid = ${sid} and account_sid = ${accountSid}`
  return row && JSON.parse(row.sends)
}

/** For the queue, which acts for no tenant: the attempt itself says whose it is. */
export async function findForSend(read: Read, { placement, verificationSid }: Attempt) {
  const row = await read.get<Row>`
    select * from verification where placement = ${placement} and sid = ${verificationSid}`
  return row && toVerification(row)
}

/** False when another verification holds the slot. */
export async function insertVerification(tx: Tx, v: Verification): Promise<boolean> {
  const inserted = await tx.run`insert into verification
      (placement, sid, account_sid, service_sid, slot, recipient, channel, status, open, code, code_version,
        sends, checks, amount, payee, lookup, tags, expires_at, created_at, updated_at)
    values (${v.placement}, ${v.sid}, ${v.accountSid}, ${v.serviceSid}, ${v.slot}, ${v.recipient}, ${v.channel},
      ${v.status}, 1, ${v.code}, ${v.codeVersion}, ${JSON.stringify(v.sends)}, ${v.checks}, ${v.amount}, ${v.payee},
      ${json(v.lookup)}, ${json(v.tags)}, ${v.expiresAtMs}, ${v.createdAtMs}, ${v.updatedAtMs})
    on conflict (placement, slot) where open = 1 do nothing`
  return inserted === 1
}

/** Both rows of a start as one statement, where the engine can. False when another verification holds the slot. */
export async function insertStart(fused: Pick<Tx, 'get'>, v: Verification, a: Attempt): Promise<boolean> {
  const row = await fused.get<{ started: number }>`
    with started as (
      insert into verification
        (placement, sid, account_sid, service_sid, slot, recipient, channel, status, open, code, code_version,
          sends, checks, amount, payee, lookup, tags, expires_at, created_at, updated_at)
      values (${v.placement}, ${v.sid}, ${v.accountSid}, ${v.serviceSid}, ${v.slot}, ${v.recipient}, ${v.channel},
        ${v.status}, 1, ${v.code}, ${v.codeVersion}, ${JSON.stringify(v.sends)}, ${v.checks}, ${v.amount}, ${v.payee},
        ${json(v.lookup)}, ${json(v.tags)}, ${v.expiresAtMs}, ${v.createdAtMs}, ${v.updatedAtMs})
      on conflict (placement, slot) where open = 1 do nothing
      returning placement, sid, account_sid, service_sid, recipient, channel, code_version, expires_at, created_at,
        updated_at
    ), queued as (
      insert into attempt (placement, sid, account_sid, service_sid, verification_sid, slot, recipient, channel,
        country, message, code_version, status, converted, queue, due_at, tries, expires_at, created_at,
        updated_at)
      select placement, ${a.sid}, account_sid, service_sid, sid, ${a.slot}, recipient, channel,
        ${a.country}, ${JSON.stringify(a.message)}, code_version, ${a.status}, 0, channel, ${a.dueAtMs}, ${a.tries},
        expires_at, created_at, updated_at from started
    )
    select count(*) as started from started`
  return row?.started === 1
}

// In updates it is `open <> 0`: PostgreSQL may take `open = 1`, beside any key, for a reason to walk the index of all
// that are open.

/**
 * An approval and its conversion as one statement, where the engine can. False when the verification is no longer
 * what `before` says: another guess, another code, or an end came first.
 */
export async function approveUnchanged(fused: Pick<Tx, 'get'>, before: Verification, approved: Verification) {
  const row = await fused.get<{ approved: number }>`
    with approved as (
      update verification set status = ${approved.status}, open = 0, code = null, updated_at = ${approved.updatedAtMs}
      where placement = ${before.placement} and sid = ${before.sid} and account_sid = ${before.accountSid}
        and open <> 0 and checks = ${before.checks} and code = ${before.code} and sends = ${JSON.stringify(before.sends)}
      returning placement, account_sid, updated_at
    ), converted as (
      update attempt set converted = 1, updated_at = approved.updated_at from approved
      where attempt.placement = approved.placement and attempt.sid = ${before.sends.at(-1)?.attemptSid ?? ''}
        and attempt.account_sid = approved.account_sid
    )
    select count(*) as approved from approved`
  return row?.approved === 1
}

/** After one more send: its channel, the code where it was replaced. */
export const updateSends = (tx: Tx, v: Verification) =>
  tx.run`update verification set channel = ${v.channel}, code = ${v.code}, code_version = ${v.codeVersion},
      sends = ${JSON.stringify(v.sends)}, amount = ${v.amount}, payee = ${v.payee}, tags = ${json(v.tags)},
      updated_at = ${v.updatedAtMs}
    where placement = ${v.placement} and sid = ${v.sid} and account_sid = ${v.accountSid} and open <> 0`

/** After a wrong guess. */
export const updateChecks = (tx: Tx, v: Verification) =>
  tx.run`update verification set checks = ${v.checks}, status = ${v.status}, updated_at = ${v.updatedAtMs}
    where placement = ${v.placement} and sid = ${v.sid} and account_sid = ${v.accountSid} and open <> 0`

/** Frees the slot and erases the code. Changes nothing if that was done before. */
export const settleVerification = (tx: Tx, v: Verification) =>
  tx.run`update verification set status = ${v.status}, checks = ${v.checks}, open = 0, code = null,
      updated_at = ${v.updatedAtMs}
    where placement = ${v.placement} and sid = ${v.sid} and account_sid = ${v.accountSid} and open <> 0`

// Expiry walks all tenants.

const EXPIRE_BITE = 500

/** The sid that ends the next bite of the walk; undefined where it is over. */
export async function findBiteEnd(read: Read, placement: number, from: string, end: string) {
  const rows = await read.all<{ sid: string }>`
    select sid from verification where placement = ${placement} and sid > ${from} and sid < ${end}
    order by sid limit ${EXPIRE_BITE}`
  return rows.at(-1)?.sid
}

export const expireBetween = (tx: Tx, placement: number, from: string, to: string, nowMs: number) =>
  tx.run`update verification set status = 'expired', open = 0, code = null, updated_at = ${nowMs}
    where placement = ${placement} and sid > ${from} and sid <= ${to} and open <> 0 and expires_at <= ${nowMs}`

export async function isAnyOpenBetween(read: Read, placement: number, from: string, to: string) {
  const row = await read.get`select sid from verification
    where placement = ${placement} and sid > ${from} and sid <= ${to} and open <> 0 limit 1`
  return row !== undefined
}
