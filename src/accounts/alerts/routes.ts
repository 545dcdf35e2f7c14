import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { dateEndMs, dateMs } from '../../http/schema.ts'
import { fetchAlert } from './alert.ts'
import { listAlerts } from './store.ts'
import { AlertDetailsWire, AlertQuery, AlertWire, toAlertDetailsWire, toAlertWire } from './wire.ts'

const PATH = '/v1/Alerts'
const INSTANCE = `${PATH}/:Sid` as const

export const alertOperations = [
  operation({
    method: 'GET',
    path: PATH,
    permission: '/twilio/monitor/alerts/list',
    input: AlertQuery,
    status: 200,
    reply: listOf('alerts', AlertWire),
    handle: (ctx, { caller, input, urls }) => {
      const { LogLevel, StartDate, EndDate } = input
      const filter = { logLevel: LogLevel, startMs: dateMs(StartDate), endMs: dateEndMs(EndDate) }
      return readList(
        input,
        { url: urls.base + PATH, key: 'alerts', filters: { LogLevel, StartDate, EndDate } },
        (page) => listAlerts(ctx.storage.read, caller.accountSid, filter, page),
        (alert) => toAlertWire(alert, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    permission: '/twilio/monitor/alerts/read',
    status: 200,
    reply: AlertDetailsWire,
    handle: async (ctx, { caller, params, urls }) =>
      toAlertDetailsWire(await fetchAlert(ctx, caller.accountSid, params.Sid), urls),
  }),
]
