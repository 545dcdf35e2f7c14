import type { Static } from 'typebox'
import { fromMicros } from '../../delivery/rates.ts'
import { nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { fieldText } from './category.ts'
import { dayText } from './period.ts'
import { LISTS, type ListName, type UsageRecord } from './record.ts'

export const RecordQuery = Type.Object({
  Category: optional(Type.String()),
  StartDate: optional(Type.String()),
  EndDate: optional(Type.String()),
  IncludeSubaccounts: optional(Type.Boolean()),
  ...pageQuery,
})

export const UsageRecordWire = Type.Object({
  account_sid: sid('AC'),
  api_version: Type.String(),
  as_of: Type.String(),
  category: Type.String(),
  count: nullable(Type.String()),
  count_unit: Type.String(),
  description: Type.String(),
  end_date: Type.String(),
  // Described as a number, recorded as text: the libraries take either, and text is exact.
  price: Type.String(),
  price_unit: Type.String(),
  start_date: Type.String(),
  subresource_uris: Type.Record(Type.String(), Type.String()),
  uri: Type.String(),
  usage: Type.String(),
  usage_unit: Type.String(),
})

export const recordsPath = (accountSid: string, list: ListName = '') =>
  `/2010-04-01/Accounts/${accountSid}/Usage/Records${list && `/${list}`}.json`

const SUBRESOURCES = LISTS.filter((list) => list !== '').map((list) => ({
  list,
  // `AllTime` is `all_time`.
  name: list.replace(/\B[A-Z]/g, (letter) => `_${letter}`).toLowerCase(),
}))

export function toRecordWire(
  { category, span, amount }: UsageRecord,
  about: { accountSid: string; list: ListName; nowMs: number; currency: string },
): Static<typeof UsageRecordWire> {
  const { accountSid, list, currency } = about
  const [startDate, endDate] = [dayText(span.fromDay), dayText(span.toDay)]
  const ofCategory = `Category=${category.name}`
  return {
    account_sid: accountSid,
    api_version: '2010-04-01',
    as_of: `${new Date(about.nowMs).toISOString().slice(0, 19)}+00:00`,
    category: category.name,
    count: category.isMoney ? null : String(amount.count),
    count_unit: category.countUnit,
    description: category.description,
    end_date: endDate,
    price: fromMicros(amount.priceMicros),
    price_unit: currency,
    start_date: startDate,
    subresource_uris: Object.fromEntries(
      SUBRESOURCES.map(({ name, list }) => [name, `${recordsPath(accountSid, list)}?${ofCategory}`]),
    ),
    uri: `${recordsPath(accountSid, list)}?${ofCategory}&StartDate=${startDate}&EndDate=${endDate}`,
    usage: fieldText(category, 'usage', amount),
    usage_unit: category.isMoney ? currency : category.countUnit,
  }
}
