/** Days of UTC, counted from 1970, and the spans of them that usage is summed over. */

export const DAY_MS = 86_400_000

/** Both ends included. */
export interface Span {
  fromDay: number
  toDay: number
}

export const dayOf = (ms: number) => Math.floor(ms / DAY_MS)

/** `2026-11-20` */
export const dayText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10)

/** The day that `2026-11-20` names, or that `-30days` is away from today. Undefined for what is neither. */
export function parseDay(text: string, today: number): number | undefined {
  const [, offset] = /^([+-]\d{1,5})days?$/.exec(text) ?? []
  if (offset !== undefined) return today + Number(offset)
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN
  // A day that no month has comes back as another.
  return Number.isNaN(ms) || dayText(dayOf(ms)) !== text ? undefined : dayOf(ms)
}

export type Unit = 'day' | 'month' | 'year'

/** The day, month or year that a day lies in. */
export function unitSpan(unit: Unit, day: number): Span {
  if (unit === 'day') return { fromDay: day, toDay: day }
  const date = new Date(day * DAY_MS)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  const [from, next] =
    unit === 'month'
      ? [Date.UTC(year, month), Date.UTC(year, month + 1)]
      : [Date.UTC(year, 0), Date.UTC(year + 1, 0)]
  return { fromDay: dayOf(from), toDay: dayOf(next) - 1 }
}

/** All days, months or years that a span touches, the newest first. */
export function unitSpans(unit: Unit, { fromDay, toDay }: Span): Span[] {
  const spans: Span[] = []
  for (let day = toDay; day >= fromDay; ) {
    const span = unitSpan(unit, day)
    spans.push(span)
    day = span.fromDay - 1
  }
  return spans
}

/** The part of a span that lies in another; undefined where none does. */
export function clip(span: Span, within: Span): Span | undefined {
  const fromDay = Math.max(span.fromDay, within.fromDay)
  const toDay = Math.min(span.toDay, within.toDay)
  return fromDay <= toDay ? { fromDay, toDay } : undefined
}
