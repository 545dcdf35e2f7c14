import type { Read, Tx } from '../../storage/storage.ts'
import type { Amount, Meter } from './category.ts'
import { DAY_MS, type Span } from './period.ts'

/** One meter's use of a day. */
export interface UsageDay extends Amount {
  meter: Meter
  day: number
}

interface Row {
  meter: Meter
  // Sums of PostgreSQL are of no size, and come as text.
  day: number | string
  count: number | string
  price_micros: number | string
}

const toUsageDay = (row: Row): UsageDay => ({
  meter: row.meter,
  day: Number(row.day),
  count: Number(row.count),
  priceMicros: Number(row.price_micros),
})

/** The background job whose progress tells until when an account's attempts are folded. */
export const FOLD_JOB = 'fold usage'

/**
 * The use of an account, with that of those below it where `family`, by day: of folded days, and of the attempts and
 * messages since, one by one. In one statement: what is folded meanwhile is counted once.
 */
export async function sumUsage(
  read: Read,
  accountSid: string,
  family: boolean,
  { fromDay, toDay }: Span,
): Promise<UsageDay[]> {
  const parentSid = family ? accountSid : ''
  const rows = await read.all<Row>`
    with family as (
      select sid from account where sid = ${accountSid}
      union all select sid from account where parent_sid = ${parentSid}
    ), used as (
      select d.meter, d.day, d.count, d.price_micros
      from family join usage_day d on d.account_sid = family.sid and d.day >= ${fromDay} and d.day <= ${toDay}
      union all
      select a.channel, a.created_at / 86400000, 1, a.price_micros
      from family left join progress p on p.job = ${FOLD_JOB} and p.part = family.sid
      join attempt a on a.account_sid = family.sid and a.created_at >= coalesce(cast(p.reached as bigint), 0)
      where a.price_micros is not null and a.created_at >= ${fromDay * DAY_MS}
        and a.created_at < ${(toDay + 1) * DAY_MS}
      union all
      select 'sms', m.created_at / 86400000, 1, m.price_micros
      from family left join progress p on p.job = ${FOLD_JOB} and p.part = family.sid
      join message m on m.account_sid = family.sid and m.created_at >= coalesce(cast(p.reached as bigint), 0)
      where m.price_micros is not null and m.created_at >= ${fromDay * DAY_MS}
        and m.created_at < ${(toDay + 1) * DAY_MS}
    )
    select meter, day, sum(count) as count, sum(price_micros) as price_micros from used group by meter, day`
  return rows.map(toUsageDay)
}

export const addUsage = (tx: Tx, u: UsageDay & { accountSid: string }) =>
  tx.run`insert into usage_day (account_sid, meter, day, count, price_micros)
    values (${u.accountSid}, ${u.meter}, ${u.day}, ${u.count}, ${u.priceMicros})
    on conflict (account_sid, meter, day) do update
      set count = usage_day.count + excluded.count, price_micros = usage_day.price_micros + excluded.price_micros`

/** What an account's attempts and messages of a time came to, `fromMs` included. */
export async function sumSent(read: Read, accountSid: string, fromMs: number, toMs: number) {
  const rows = await read.all<Row>`
    select meter, day, count(*) as count, sum(price_micros) as price_micros from (
      select channel as meter, created_at / 86400000 as day, price_micros from attempt
      where account_sid = ${accountSid} and created_at >= ${fromMs} and created_at < ${toMs}
        and price_micros is not null
      union all
      select 'sms', created_at / 86400000, price_micros from message
      where account_sid = ${accountSid} and created_at >= ${fromMs} and created_at < ${toMs}
        and price_micros is not null
    ) as sent group by meter, day`
  return rows.map(toUsageDay)
}

/**
 * When the first of an account's attempts and messages was made that is still to be sent. Not by the index of what is
 * due, of all.
 */
export async function findFirstUnsettledMs(read: Read, accountSid: string, fromMs: number, toMs: number) {
  const row = await read.get<{ created_at: number | null }>`
    select min(created_at) as created_at from (
      select created_at from attempt where account_sid = ${accountSid} and created_at >= ${fromMs}
        and created_at < ${toMs} and coalesce(due_at, 0) > 0
      union all
      select created_at from message where account_sid = ${accountSid} and created_at >= ${fromMs}
        and created_at < ${toMs} and coalesce(due_at, 0) > 0
    ) as unsettled`
  return row?.created_at ?? undefined
}
