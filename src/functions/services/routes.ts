import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { changeService, createService, deleteService, fetchService } from './service.ts'
import { listServices } from './store.ts'
import { CreateBody, ListQuery, PATH, ServiceWire, toServiceWire, UpdateBody } from './wire.ts'

const INSTANCE = `${PATH}/:Service` as const
const may = (action: string) => ({ permission: `/twilio/serverless/services/${action}` })

export const functionServiceOperations = [
  operation({
    method: 'POST',
    path: PATH,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: ServiceWire,
    handle: async (ctx, { caller, input, urls }) =>
      toServiceWire(await createService(ctx, caller, input), urls),
  }),
  operation({
    method: 'GET',
    path: PATH,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('services', ServiceWire),
    handle: async (ctx, { caller, input, urls }) => {
      return readList(
        input,
        { url: urls.base + PATH, key: 'services' },
        (page) => listServices(ctx.storage.read, caller.accountSid, page),
        (service) => toServiceWire(service, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    ...may('read'),
    status: 200,
    reply: ServiceWire,
    handle: async (ctx, { caller, params, urls }) =>
      toServiceWire(await fetchService(ctx, caller.accountSid, params.Service), urls),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: ServiceWire,
    handle: async (ctx, { caller, params, input, urls }) =>
      toServiceWire(await changeService(ctx, caller, params.Service, input), urls),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: (ctx, { caller, params }) => deleteService(ctx, caller, params.Service),
  }),
]
