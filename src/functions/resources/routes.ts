import type { TSchema } from 'typebox'
import { type Operation, operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { fetchService } from '../services/service.ts'
import { PATH, serviceUrl } from '../services/wire.ts'
import {
  changeResource,
  createResource,
  deleteResource,
  fetchResource,
  type ResourceKind,
} from './resource.ts'
import { listResources } from './store.ts'
import { ListQuery, NAMES, NameBody, ResourceWire, toResourceWire } from './wire.ts'

const operationsOf = (kind: ResourceKind): Operation[] => {
  const { path, list } = NAMES[kind]
  const all = `${PATH}/:Service/${path}` as const
  const one = `${all}/:Sid` as const
  const may = (action: string) => ({ permission: `/twilio/serverless/${list}/${action}` })
  const reply = ResourceWire[kind]
  const page: TSchema = listOf(list, reply)
  return [
    operation({
      method: 'POST',
      path: all,
      ...may('create'),
      input: NameBody,
      status: 201,
      reply,
      handle: async (ctx, { caller, params, input, urls }) => {
        const service = await fetchService(ctx, caller.accountSid, params.Service)
        return toResourceWire(await createResource(ctx, caller, service, kind, input.FriendlyName), urls)
      },
    }),
    operation({
      method: 'GET',
      path: all,
      ...may('list'),
      input: ListQuery,
      status: 200,
      reply: page,
      handle: async (ctx, { caller, params, input, urls }) => {
        const { accountSid, sid } = await fetchService(ctx, caller.accountSid, params.Service)
        return readList(
          input,
          { url: `${serviceUrl(urls, sid)}/${path}`, key: list },
          (page) => listResources(ctx.storage.read, accountSid, sid, kind, page),
          (resource) => toResourceWire(resource, urls),
        )
      },
    }),
    operation({
      method: 'GET',
      path: one,
      ...may('read'),
      status: 200,
      reply,
      handle: async (ctx, { caller, params, urls }) =>
        toResourceWire(await fetchResource(ctx, caller.accountSid, params.Service, kind, params.Sid), urls),
    }),
    operation({
      method: 'POST',
      path: one,
      ...may('update'),
      input: NameBody,
      status: 200,
      reply,
      handle: async (ctx, { caller, params, input, urls }) => {
        const resource = await fetchResource(ctx, caller.accountSid, params.Service, kind, params.Sid)
        return toResourceWire(await changeResource(ctx, caller, resource, input.FriendlyName), urls)
      },
    }),
    operation({
      method: 'DELETE',
      path: one,
      ...may('delete'),
      status: 204,
      reply: null,
      handle: async (ctx, { caller, params }) =>
        deleteResource(
          ctx,
          caller,
          await fetchResource(ctx, caller.accountSid, params.Service, kind, params.Sid),
        ),
    }),
  ]
}

export const resourceOperations = [...operationsOf('function'), ...operationsOf('asset')]
