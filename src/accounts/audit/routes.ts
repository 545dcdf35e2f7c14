import { fail } from '../../http/errors.ts'
import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { dateEndMs, dateMs } from '../../http/schema.ts'
import { findEvent, listEvents } from './store.ts'
import { EventQuery, EventWire, toEventWire } from './wire.ts'

const PATH = '/v1/Events'
const INSTANCE = `${PATH}/:Sid` as const

export const eventOperations = [
  operation({
    method: 'GET',
    path: PATH,
    permission: '/twilio/monitor/events/list',
    input: EventQuery,
    status: 200,
    reply: listOf('events', EventWire),
    handle: (ctx, { caller, input, urls }) => {
      const { ActorSid, EventType, ResourceSid, SourceIpAddress, StartDate, EndDate } = input
      const filters = { ActorSid, EventType, ResourceSid, SourceIpAddress, StartDate, EndDate }
      const filter = {
        actorSid: ActorSid,
        type: EventType,
        resourceSid: ResourceSid,
        sourceIp: SourceIpAddress,
        startMs: dateMs(StartDate),
        endMs: dateEndMs(EndDate),
      }
      return readList(
        input,
        { url: urls.base + PATH, key: 'events', filters },
        (page) => listEvents(ctx.storage.read, caller.accountSid, filter, page),
        (event) => toEventWire(event, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    permission: '/twilio/monitor/events/read',
    status: 200,
    reply: EventWire,
    handle: async (ctx, { caller, params, urls }) => {
      const event = await findEvent(ctx.storage.read, caller.accountSid, params.Sid)
      if (!event) throw fail.notFound(`/Events/${params.Sid}`)
      return toEventWire(event, urls)
    },
  }),
]
