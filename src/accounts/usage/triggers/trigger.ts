import type { Context } from '../../../context.ts'
import { toMicros } from '../../../delivery/rates.ts'
import type { Caller } from '../../../http/caller.ts'
import { fail } from '../../../http/errors.ts'
import { newSid } from '../../../storage/sid.ts'
import { parseDestination } from '../../../webhooks/destination.ts'
import { audit, differences } from '../../audit/audit.ts'
import { type Category, type Field, fieldMicros, findCategory, sum } from '../category.ts'
import { dayOf, dayText, type Span, unitSpan } from '../period.ts'
import { sumUsage, type UsageDay } from '../store.ts'
import { countTriggers, deleteTrigger, findTrigger, insertTrigger, updateTrigger } from './store.ts'

export type Recurring = 'daily' | 'monthly' | 'yearly' | 'alltime'

/** Calls a webhook once an account, with those below it, has used so much: once, or once a day, month or year. */
export interface Trigger {
  sid: string
  accountSid: string
  friendlyName: string
  category: string
  by: Field
  /** In millionths, of pieces or of money. */
  valueMicros: number
  recurring: Recurring
  callbackUrl: string
  callbackMethod: 'GET' | 'POST'
  /** The last period that it fired in, as `Period.name` says it. */
  firedPeriod: string | null
  firedAtMs: number | null
  createdAtMs: number
  updatedAtMs: number
}

/** A span of days by a name of its own: `2026-11-20`, `2026-11`, `2026`, or `alltime`. Of one kind the later has the greater name. */
export interface Period {
  name: string
  span: Span
}

/** The period of a trigger that a moment lies in, up to that day. */
export function periodOf(recurring: Recurring, nowMs: number): Period {
  const toDay = dayOf(nowMs)
  if (recurring === 'alltime') return { name: 'alltime', span: { fromDay: 0, toDay } }
  const unit = ({ daily: 'day', monthly: 'month', yearly: 'year' } as const)[recurring]
  const name = dayText(toDay).slice(0, { day: 10, month: 7, year: 4 }[unit])
  return { name, span: { fromDay: unitSpan(unit, toDay).fromDay, toDay } }
}

/** What the trigger watches, in millionths, of days that hold its period. */
export function valueMicros(
  { category: name, by }: Pick<Trigger, 'category' | 'by'>,
  days: readonly UsageDay[],
  { fromDay, toDay }: Span,
): number {
  const category = findCategory(name)
  if (!category) return 0
  const isOf = ({ meter, day }: UsageDay) => category.meters.includes(meter) && day >= fromDay && day <= toDay
  return fieldMicros(category, by, sum(days.filter(isOf)))
}

/** What triggers of one account have come to, in their order. The use is summed up once for all. */
export async function readValuesMicros(
  ctx: Context,
  accountSid: string,
  triggers: readonly WatchedBy[],
): Promise<number[]> {
  if (triggers.length === 0) return []
  const now = ctx.clock.now()
  const watched = triggers.map((trigger) => ({ trigger, span: periodOf(trigger.recurring, now).span }))
  const fromDay = Math.min(...watched.map(({ span }) => span.fromDay))
  const days = await sumUsage(ctx.storage.scan, accountSid, true, { fromDay, toDay: dayOf(now) })
  return watched.map(({ trigger, span }) => valueMicros(trigger, days, span))
}

export async function readValueMicros(ctx: Context, trigger: WatchedBy): Promise<number> {
  const [value = 0] = await readValuesMicros(ctx, trigger.accountSid, [trigger])
  return value
}

type WatchedBy = Pick<Trigger, 'accountSid' | 'category' | 'by' | 'recurring'>

export interface TriggerInput {
  CallbackUrl: string
  TriggerValue: string
  UsageCategory: string
  CallbackMethod?: 'GET' | 'POST'
  FriendlyName?: string
  Recurring?: Recurring
  TriggerBy?: Field
}

const MAX_TRIGGERS = 100

/**
 * Throws 60200 for an unknown category, a value that is no amount, or an address that may not be called; 20001 for more
 * than 100.
 */
export async function createTrigger(ctx: Context, caller: Caller, input: TriggerInput): Promise<Trigger> {
  const now = ctx.clock.now()
  const category = findCategory(input.UsageCategory)
  const by = input.TriggerBy ?? 'usage'
  if (!category || (by === 'count' && category.isMoney)) throw fail.invalidParameter('UsageCategory')
  const watched: WatchedBy = {
    accountSid: caller.accountSid,
    category: category.name,
    by,
    recurring: input.Recurring ?? 'alltime',
  }
  const trigger: Trigger = {
    ...watched,
    sid: newSid('UT', 0, now, ctx.random),
    friendlyName: input.FriendlyName ?? '',
    valueMicros: await parseValue(ctx, watched, category, input.TriggerValue),
    callbackUrl: checkCallback(ctx, input.CallbackUrl),
    callbackMethod: input.CallbackMethod ?? 'POST',
    firedPeriod: null,
    firedAtMs: null,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    if ((await countTriggers(tx, caller.accountSid)) >= MAX_TRIGGERS) {
      throw fail.invalidRequest(`An account has at most ${MAX_TRIGGERS} usage triggers: delete one first`)
    }
    await insertTrigger(tx, trigger)
    await audit(ctx, tx, caller, changed('created', trigger))
  })
  return trigger
}

/** `+30` is thirty more than now. */
async function parseValue(
  ctx: Context,
  watched: WatchedBy,
  category: Category,
  text: string,
): Promise<number> {
  const isMoney = watched.by === 'price' || (watched.by === 'usage' && category.isMoney)
  const micros = toMicros(text.replace(/^\+/, ''))
  if (!micros || (!isMoney && micros % 1_000_000 !== 0)) throw fail.invalidParameter('TriggerValue')
  return text.startsWith('+') ? micros + (await readValueMicros(ctx, watched)) : micros
}

function checkCallback(ctx: Context, url: string): string {
  if (!parseDestination(url, ctx.webhooks.policy)) throw fail.invalidParameter('CallbackUrl')
  return url
}

/** Throws 20404. */
export async function fetchTrigger(ctx: Context, accountSid: string, sid: string): Promise<Trigger> {
  const trigger = await findTrigger(ctx.storage.read, accountSid, sid)
  if (!trigger) throw fail.notFound(`/Usage/Triggers/${sid}`)
  return trigger
}

/** Throws 20404, or 60200 for an address that may not be called. */
export async function changeTrigger(
  ctx: Context,
  caller: Caller,
  sid: string,
  input: Partial<Pick<TriggerInput, 'CallbackUrl' | 'CallbackMethod' | 'FriendlyName'>>,
): Promise<Trigger> {
  const before = await fetchTrigger(ctx, caller.accountSid, sid)
  const after: Trigger = {
    ...before,
    friendlyName: input.FriendlyName ?? before.friendlyName,
    callbackUrl: input.CallbackUrl === undefined ? before.callbackUrl : checkCallback(ctx, input.CallbackUrl),
    callbackMethod: input.CallbackMethod ?? before.callbackMethod,
    updatedAtMs: ctx.clock.now(),
  }
  await ctx.storage.write(async (tx) => {
    if ((await updateTrigger(tx, after)) === 0) throw fail.notFound(`/Usage/Triggers/${sid}`)
    const change = changed('updated', after)
    await audit(ctx, tx, caller, {
      ...change,
      data: differences(changed('updated', before).data, change.data),
    })
  })
  return after
}

/** Throws 20404. */
export async function removeTrigger(ctx: Context, caller: Caller, sid: string): Promise<null> {
  const trigger = await fetchTrigger(ctx, caller.accountSid, sid)
  await ctx.storage.write(async (tx) => {
    if ((await deleteTrigger(tx, caller.accountSid, sid)) === 0) throw fail.notFound(`/Usage/Triggers/${sid}`)
    await audit(ctx, tx, caller, changed('deleted', trigger))
  })
  return null
}

// Not the path and query of the address: they may hold a secret of the receiver's.
const changed = (what: string, trigger: Trigger) => ({
  type: `usage-trigger.${what}`,
  resource: 'usage-trigger',
  sid: trigger.sid,
  data: {
    friendly_name: trigger.friendlyName,
    usage_category: trigger.category,
    trigger_by: trigger.by,
    trigger_value: trigger.valueMicros / 1_000_000,
    recurring: trigger.recurring,
    callback_host: new URL(trigger.callbackUrl).host,
    callback_method: trigger.callbackMethod,
  },
})
