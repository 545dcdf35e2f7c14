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
    input: CreateServiceBody,
    status: 201,
    reply: ServiceWire,
    handle: async (ctx, { accountSid, input, urls }) =>
      toServiceWire(await createService(ctx, accountSid, input), urls),
  }),
  operation({
    method: 'GET',
    path: PATH,
    input: Type.Object(pageQuery),
    status: 200,
    reply: listOf('services', ServiceWire),
    handle: async (ctx, { accountSid, input, urls }) => {
      const { items, meta } = await readPage(input, { url: urls.base + PATH, key: 'services' }, (page) =>
        listServices(ctx.storage.read, accountSid, page),
      )
      return { services: items.map((service) => toServiceWire(service, urls)), meta }
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    status: 200,
    reply: ServiceWire,
    handle: async (ctx, { accountSid, params, urls }) =>
      toServiceWire(await fetchService(ctx, accountSid, params.ServiceSid), urls),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    input: UpdateServiceBody,
    status: 200,
    reply: ServiceWire,
    handle: async (ctx, { accountSid, params, input, urls }) =>
      toServiceWire(await updateService(ctx, accountSid, params.ServiceSid, input), urls),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    status: 204,
    reply: null,
    handle: (ctx, { accountSid, params }) => deleteService(ctx, accountSid, params.ServiceSid),
  }),
]
