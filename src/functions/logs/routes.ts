import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { dateEndMs, dateMs } from '../../http/schema.ts'
import { fetchEnvironment } from '../environments/environment.ts'
import { environmentUrl } from '../environments/wire.ts'
import { PATH } from '../services/wire.ts'
import { fetchLine } from './log.ts'
import { listLines } from './store.ts'
import { ListQuery, LogWire, toLogWire } from './wire.ts'

const ALL = `${PATH}/:Service/Environments/:EnvironmentSid/Logs` as const
const may = (action: string) => ({ permission: `/twilio/serverless/logs/${action}` })

export const logOperations = [
  operation({
    method: 'GET',
    path: ALL,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('logs', LogWire),
    handle: async (ctx, { caller, params, input, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      const { FunctionSid, StartDate, EndDate } = input
      const filter = { functionSid: FunctionSid, startMs: dateMs(StartDate), endMs: dateEndMs(EndDate) }
      const list = {
        url: `${environmentUrl(urls, of.serviceSid, of.sid)}/Logs`,
        key: 'logs' as const,
        filters: { FunctionSid, StartDate, EndDate },
      }
      // Those of one function may be few among many.
      const read = FunctionSid === undefined ? ctx.storage.read : ctx.storage.scan
      return readList(
        input,
        list,
        (page) => listLines(read, of.accountSid, of.sid, filter, page),
        (line) => toLogWire(line, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: `${ALL}/:Sid`,
    ...may('read'),
    status: 200,
    reply: LogWire,
    handle: async (ctx, { caller, params, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return toLogWire(await fetchLine(ctx, of, params.Sid), urls)
    },
  }),
]
