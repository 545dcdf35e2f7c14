import type { Static } from 'typebox'
import type { Context } from '../../context.ts'
import { listHandovers } from '../../delivery/store.ts'
import { fail } from '../../http/errors.ts'
import { operation } from '../../http/operation.ts'
import { listOf, readPage } from '../../http/paging.ts'
import { isoSeconds } from '../../http/schema.ts'
import { findAttemptFilter, findSummaryFilter } from './filter.ts'
import { findAttempt, listAttempts } from './store.ts'
import { summarize } from './summary.ts'
import {
  AttemptWire,
  HandoversWire,
  ListQuery,
  SummaryQuery,
  SummaryWire,
  toAttemptWire,
  toSummaryWire,
} from './wire.ts'

const PATH = '/v2/Attempts'
const SID = /^VL[0-9a-fA-F]{32}$/

async function fetchAttempt(ctx: Context, accountSid: string, sid = '') {
  const attempt = SID.test(sid)
    ? await findAttempt(ctx.storage.read, accountSid, `VL${sid.slice(2).toLowerCase()}`)
    : undefined
  if (!attempt) throw fail.notFound(`/Attempts/${sid}`)
  return attempt
}

export const attemptOperations = [
  operation({
    method: 'GET',
    path: PATH,
    input: ListQuery,
    status: 200,
    reply: listOf('attempts', AttemptWire),
    handle: async (ctx, { accountSid, input, urls }) => {
      const { PageSize: _, Page: __, PageToken: ___, ...filters } = input
      const filter = await findAttemptFilter(ctx, accountSid, input)
      const { items, meta } = await readPage(
        input,
        { url: urls.base + PATH, key: 'attempts', filters },
        (page) => (filter ? listAttempts(ctx.storage.scan, accountSid, filter, page) : Promise.resolve([])),
      )
      return { attempts: items.map((attempt) => toAttemptWire(attempt, urls, ctx.clock.now())), meta }
    },
  }),
  operation({
    method: 'GET',
    path: `${PATH}/Summary`,
    input: SummaryQuery,
    status: 200,
    reply: SummaryWire,
    handle: async (ctx, { accountSid, input, urls }) =>
      toSummaryWire(await summarize(ctx, accountSid, findSummaryFilter(input)), urls),
  }),
  operation({
    method: 'GET',
    path: `${PATH}/:Sid`,
    status: 200,
    reply: AttemptWire,
    handle: async (ctx, { accountSid, params, urls }) =>
      toAttemptWire(await fetchAttempt(ctx, accountSid, params.Sid), urls, ctx.clock.now()),
  }),
  operation({
    method: 'GET',
    path: '/delivery/attempts/:Sid',
    status: 200,
    reply: HandoversWire,
    handle: async (ctx, { accountSid, params }) => {
      const attempt = await fetchAttempt(ctx, accountSid, params.Sid)
      const handovers = await listHandovers(ctx.storage.read, attempt)
      return {
        attempt_sid: attempt.sid,
        status: attempt.status,
        handovers: handovers.map((h): Static<typeof HandoversWire>['handovers'][number] => ({
          provider: h.provider,
          outcome: h.outcome,
          code: h.code,
          detail: h.detail,
          message_id: h.messageId,
          date_created: isoSeconds(h.createdAtMs),
        })),
      }
    },
  }),
]
