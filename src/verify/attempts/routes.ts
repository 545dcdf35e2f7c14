import type { Context } from '../../context.ts'
import { operation } from '../../http/operation.ts'
import { listOf, readPage } from '../../http/paging.ts'
import type { Urls } from '../../http/urls.ts'
import { type Attempt, fetchAttempt } from './attempt.ts'
import { findAttemptFilter, findSummaryFilter } from './filter.ts'
import { listAttempts } from './store.ts'
import { summarize } from './summary.ts'
import { AttemptWire, ListQuery, SummaryQuery, SummaryWire, toAttemptWire, toSummaryWire } from './wire.ts'

const PATH = '/v2/Attempts'
const toWire = ({ clock, rates }: Context, attempt: Attempt, urls: Urls) =>
  toAttemptWire(attempt, urls, clock.now(), rates.currency)

export const attemptOperations = [
  operation({
    method: 'GET',
    path: PATH,
    permission: '/twilio/verify/attempts/list',
    input: ListQuery,
    status: 200,
    reply: listOf('attempts', AttemptWire),
    handle: async (ctx, { caller, input, urls }) => {
      const { PageSize: _, Page: __, PageToken: ___, ...filters } = input
      const filter = await findAttemptFilter(ctx, caller.accountSid, input)
      const { items, meta } = await readPage(
        input,
        { url: urls.base + PATH, key: 'attempts', filters },
        async (page) => (filter ? listAttempts(ctx.storage, caller.accountSid, filter, page) : []),
      )
      return { attempts: items.map((attempt) => toWire(ctx, attempt, urls)), meta }
    },
  }),
  operation({
    method: 'GET',
    path: `${PATH}/Summary`,
    permission: '/twilio/verify/attempts-summary/read',
    input: SummaryQuery,
    status: 200,
    reply: SummaryWire,
    handle: async (ctx, { caller, input, urls }) =>
      toSummaryWire(await summarize(ctx, caller.accountSid, findSummaryFilter(input)), urls),
  }),
  operation({
    method: 'GET',
    path: `${PATH}/:Sid`,
    permission: '/twilio/verify/attempts/read',
    status: 200,
    reply: AttemptWire,
    handle: async (ctx, { caller, params, urls }) =>
      toWire(ctx, await fetchAttempt(ctx, caller.accountSid, params.Sid), urls),
  }),
]
