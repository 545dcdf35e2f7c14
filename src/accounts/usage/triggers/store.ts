import { keyset, type PageRequest } from '../../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../../storage/storage.ts'
import type { Trigger } from './trigger.ts'

interface Row {
  sid: string
  account_sid: string
  friendly_name: string
  usage_category: string
  trigger_by: Trigger['by']
  trigger_micros: number
  recurring: Trigger['recurring']
  callback_url: string
  callback_method: Trigger['callbackMethod']
  fired_period: string | null
  fired_at: number | null
  created_at: number
  updated_at: number
}

const toTrigger = (row: Row): Trigger => ({
  sid: row.sid,
  accountSid: row.account_sid,
  friendlyName: row.friendly_name,
  category: row.usage_category,
  by: row.trigger_by,
  valueMicros: row.trigger_micros,
  recurring: row.recurring,
  callbackUrl: row.callback_url,
  callbackMethod: row.callback_method,
  firedPeriod: row.fired_period,
  firedAtMs: row.fired_at,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export interface TriggerFilter {
  recurring?: string | undefined
  by?: string | undefined
  category?: string | undefined
}

/** A page of triggers, newest first. */
export async function listTriggers(read: Read, accountSid: string, filter: TriggerFilter, page: PageRequest) {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from usage_trigger ${where([
    sql`account_sid = ${accountSid}`,
    filter.recurring === undefined ? undefined : sql`recurring = ${filter.recurring}`,
    filter.by === undefined ? undefined : sql`trigger_by = ${filter.by}`,
    filter.category === undefined ? undefined : sql`usage_category = ${filter.category}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toTrigger)
}

export async function findTrigger(read: Read, accountSid: string, sid: string): Promise<Trigger | undefined> {
  const row =
    await read.get<Row>`select * from usage_trigger where sid = ${sid} and account_sid = ${accountSid}`
  return row && toTrigger(row)
}

export const insertTrigger = (tx: Tx, t: Trigger) =>
  tx.run`insert into usage_trigger (sid, account_sid, friendly_name, usage_category, trigger_by, trigger_micros,
      recurring, callback_url, callback_method, created_at, updated_at)
    values (${t.sid}, ${t.accountSid}, ${t.friendlyName}, ${t.category}, ${t.by}, ${t.valueMicros}, ${t.recurring},
      ${t.callbackUrl}, ${t.callbackMethod}, ${t.createdAtMs}, ${t.updatedAtMs})`

export const updateTrigger = (tx: Tx, t: Trigger) =>
  tx.run`update usage_trigger set friendly_name = ${t.friendlyName}, callback_url = ${t.callbackUrl},
      callback_method = ${t.callbackMethod}, updated_at = ${t.updatedAtMs}
    where sid = ${t.sid} and account_sid = ${t.accountSid}`

export const deleteTrigger = (tx: Tx, accountSid: string, sid: string) =>
  tx.run`delete from usage_trigger where sid = ${sid} and account_sid = ${accountSid}`

export async function countTriggers(read: Read, accountSid: string): Promise<number> {
  const row = await read.get<{ n: number }>`
    select count(*) as n from usage_trigger where account_sid = ${accountSid}`
  return row?.n ?? 0
}

/** Those of all active accounts that may still fire: all but those that fire once and have. */
export async function listArmed(read: Read): Promise<Trigger[]> {
  const rows = await read.all<Row>`
    select t.* from usage_trigger t join account a on a.sid = t.account_sid left join account p on p.sid = a.parent_sid
    where (t.fired_period is null or t.fired_period <> 'alltime') and a.status = 'active'
      and coalesce(p.status, 'active') = 'active'
    order by t.account_sid`
  return rows.map(toTrigger)
}

/** Changes nothing where it fired in that period, or a later one, before, on whatever node. Names sort by their time. */
export const markFired = (tx: Tx, t: Trigger, period: string, nowMs: number) =>
  tx.run`update usage_trigger set fired_period = ${period}, fired_at = ${nowMs}
    where sid = ${t.sid} and account_sid = ${t.accountSid} and coalesce(fired_period, '') < ${period}`
