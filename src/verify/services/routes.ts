import { operation } from '../../http/operation.ts'
import { listOf, readPage } from '../../http/paging.ts'
import { pageQuery } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { createService, deleteService, fetchService, updateService } from './service.ts'
import { listServices } from './store.ts'
import { CreateServiceBody, ServiceWire, toServiceWire, UpdateServiceBody } from './wire.ts'

const PATH = '/v2/Services'
const INSTANCE = `${PATH}/:ServiceSid`

export const serviceOperations = [
  operation({
    method: 'POST',
    path: PATH,
    permission: '/twilio/verify/services/create',
    input: CreateServiceBody,
    status: 201,
    reply: ServiceWire,
    handle: async (ctx, { caller, input, urls }) =>
      toServiceWire(await createService(ctx, caller, input), urls),
  }),
  operation({
    method: 'GET',
    path: PATH,
    permission: '/twilio/verify/services/list',
    input: Type.Object(pageQuery),
    status: 200,
    reply: listOf('services', ServiceWire),
    handle: async (ctx, { caller, input, urls }) => {
      const { items, meta } = await readPage(input, { url: urls.base + PATH, key: 'services' }, (page) =>
        listServices(ctx.storage.read, caller.accountSid, page),
      )
      return { services: items.map((service) => toServiceWire(service, urls)), meta }
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    permission: '/twilio/verify/services/read',
    status: 200,
    reply: ServiceWire,
    handle: async (ctx, { caller, params, urls }) =>
      toServiceWire(await fetchService(ctx, caller.accountSid, params.ServiceSid), urls),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    permission: '/twilio/verify/services/update',
    input: UpdateServiceBody,
    status: 200,
    reply: ServiceWire,
    handle: async (ctx, { caller, params, input, urls }) =>
      toServiceWire(await updateService(ctx, caller, params.ServiceSid, input), urls),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    permission: '/twilio/verify/services/delete',
    status: 204,
    reply: null,
    handle: (ctx, { caller, params }) => deleteService(ctx, caller, params.ServiceSid),
  }),
]
