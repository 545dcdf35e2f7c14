import { operation } from '../../http/operation.ts'
import { list2010, readPage2010 } from '../../http/paging-2010.ts'
import type { PageRequest } from '../../storage/keyset.ts'
import { LISTS, listRecords } from './record.ts'
import { RecordQuery, recordsPath, toRecordWire, UsageRecordWire } from './wire.ts'

const KEY = 'usage_records'

export const usageOperations = LISTS.map((list) =>
  operation({
    method: 'GET',
    path: `/2010-04-01/Accounts/:AccountSid/Usage/Records${list && `/${list}`}`,
    permission: '/twilio/usage/records/list',
    input: RecordQuery,
    status: 200,
    reply: list2010(KEY, UsageRecordWire),
    handle: async (ctx, { caller, input }) => {
      const { accountSid } = caller
      const { PageSize: _, Page: __, PageToken: ___, IncludeSubaccounts: family, ...texts } = input
      const filters = { ...texts, ...(family !== undefined && { IncludeSubaccounts: String(family) }) }
      const records = number(await listRecords(ctx, caller, list, input))
      const about = { accountSid, list, nowMs: ctx.clock.now(), currency: ctx.rates.currency }
      return readPage2010(
        input,
        { path: recordsPath(accountSid, list), key: KEY, filters },
        (page) => Promise.resolve(slice(records, page)),
        (record) => toRecordWire(record, about),
      )
    },
  }),
)

/** Records are computed and have no sids. Their places in the list do as well for its pages. */
const number = <T>(records: readonly T[]) =>
  records.map((record, index) => ({ ...record, sid: `UR${index.toString(16).padStart(32, '0')}` }))

function slice<T extends { sid: string }>(records: readonly T[], { cursor, limit }: PageRequest): T[] {
  if (!cursor) return records.slice(0, limit)
  if (cursor.direction === 'after') return records.filter(({ sid }) => sid > cursor.sid).slice(0, limit)
  return records
    .filter(({ sid }) => sid < cursor.sid)
    .slice(-limit)
    .reverse()
}
