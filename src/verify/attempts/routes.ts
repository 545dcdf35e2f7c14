import type { Static } from 'typebox'
import type { Context } from '../../context.ts'
import { listHandovers } from '../../delivery/store.ts'
import { fail } from '../../http/errors.ts'
import { operation } from '../../http/operation.ts'
import { listOf, readPage } from '../../http/paging.ts'
import { isoSeconds } from '../../http/schema.ts'
import type { Urls } from '../../http/urls.ts'
import type { Attempt } from './attempt.ts'
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
        (page) =>
          filter ? listAttempts(ctx.storage.scan, caller.accountSid, filter, page) : Promise.resolve([]),
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
  operation({
    method: 'GET',
    path: '/delivery/attempts/:Sid',
    permission: '/twilio/verify/attempts/read',
    status: 200,
    reply: HandoversWire,
    handle: async (ctx, { caller, params }) => {
      const attempt = await fetchAttempt(ctx, caller.accountSid, params.Sid)
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
