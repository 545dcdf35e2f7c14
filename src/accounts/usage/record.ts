import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { fetchAccount } from '../accounts/account.ts'
import { type Amount, CATEGORIES, type Category, sum } from './category.ts'
import { clip, dayOf, parseDay, type Span, type Unit, unitSpan, unitSpans } from './period.ts'
import { sumUsage, type UsageDay } from './store.ts'

/** What an account used of a category in a span of days. */
export interface UsageRecord {
  category: Category
  span: Span
  amount: Amount
}

/** The lists of the real API, and how each divides the time. */
export const LISTS = [
  '',
  'AllTime',
  'Daily',
  'LastMonth',
  'Monthly',
  'ThisMonth',
  'Today',
  'Yearly',
  'Yesterday',
] as const
export type ListName = (typeof LISTS)[number]

export interface RecordFilter {
  Category?: string
  StartDate?: string
  EndDate?: string
  IncludeSubaccounts?: boolean
}

const UNITS: Partial<Record<ListName, Unit>> = { Daily: 'day', Monthly: 'month', Yearly: 'year' }

/** A record for each category and each span of a list, the newest span first; also of what was not used. Throws 60200. */
export async function listRecords(
  ctx: Context,
  caller: Caller,
  list: ListName,
  filter: RecordFilter,
): Promise<UsageRecord[]> {
  const today = dayOf(ctx.clock.now())
  const { createdAtMs } = await fetchAccount(ctx, caller, caller.accountSid)
  const life = { fromDay: dayOf(createdAtMs), toDay: today }
  const given = {
    fromDay: parseGiven('StartDate', filter.StartDate, today) ?? Number.NEGATIVE_INFINITY,
    toDay: parseGiven('EndDate', filter.EndDate, today) ?? Number.POSITIVE_INFINITY,
  }
  const spans = spansOf(list, given, life)
  // Before it was opened and after today there is nothing to read.
  const used = clip(given, life)
  const days = used
    ? await sumUsage(ctx.storage.scan, caller.accountSid, filter.IncludeSubaccounts ?? true, used)
    : []
  const categories = CATEGORIES.filter(({ name }) => !filter.Category || name === filter.Category)
  const byDay = Map.groupBy(days, ({ day }) => day)
  return spans.flatMap((span) => {
    const within = collect(byDay, clip(span, life))
    return categories.map((category) => ({
      category,
      span,
      amount: sum(within.filter(({ meter }) => category.meters.includes(meter))),
    }))
  })
}

function parseGiven(parameter: string, text: string | undefined, today: number): number | undefined {
  if (!text) return undefined
  const day = parseDay(text, today)
  if (day === undefined) throw fail.invalidParameter(parameter)
  return day
}

function spansOf(list: ListName, given: Span, life: Span): Span[] {
  const unit = UNITS[list]
  const spans = unit ? unitSpans(unit, clip(given, life) ?? NO_DAYS) : [fixedSpan(list, given, life)]
  return spans.map((span) => clip(span, given)).filter((span) => span !== undefined)
}

const NO_DAYS: Span = { fromDay: 0, toDay: -1 }

function fixedSpan(list: ListName, given: Span, { fromDay, toDay: today }: Span): Span {
  const thisMonth = unitSpan('month', today)
  switch (list) {
    case 'Today':
      return unitSpan('day', today)
    case 'Yesterday':
      return unitSpan('day', today - 1)
    case 'ThisMonth':
      return { ...thisMonth, toDay: today }
    case 'LastMonth':
      return unitSpan('month', thisMonth.fromDay - 1)
    default:
      return {
        fromDay: Number.isFinite(given.fromDay) ? given.fromDay : fromDay,
        toDay: Number.isFinite(given.toDay) ? given.toDay : today,
      }
  }
}

function collect(byDay: ReadonlyMap<number, UsageDay[]>, span: Span | undefined): UsageDay[] {
  const found: UsageDay[] = []
  if (span) for (let day = span.fromDay; day <= span.toDay; day++) found.push(...(byDay.get(day) ?? []))
  return found
}
