import type { Context } from '../../context.ts'
import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import type { Urls } from '../../http/urls.ts'
import { domainOf } from '../hosts.ts'
import { fetchService } from '../services/service.ts'
import { PATH, serviceUrl } from '../services/wire.ts'
import { createEnvironment, type Environment, endEnvironment, fetchEnvironment } from './environment.ts'
import { listEnvironments } from './store.ts'
import { CreateBody, EnvironmentWire, ListQuery, toEnvironmentWire } from './wire.ts'

const ALL = `${PATH}/:Service/Environments` as const
const ONE = `${ALL}/:Sid` as const
const may = (action: string) => ({ permission: `/twilio/serverless/environments/${action}` })

const show = ({ config }: Context, environment: Environment, urls: Urls) =>
  toEnvironmentWire(environment, urls, domainOf(config, environment.label, urls))

export const environmentOperations = [
  operation({
    method: 'POST',
    path: ALL,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: EnvironmentWire,
    handle: async (ctx, { caller, params, input, urls }) => {
      const service = await fetchService(ctx, caller.accountSid, params.Service)
      return show(ctx, await createEnvironment(ctx, caller, service, input), urls)
    },
  }),
  operation({
    method: 'GET',
    path: ALL,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('environments', EnvironmentWire),
    handle: async (ctx, { caller, params, input, urls }) => {
      const { accountSid, sid } = await fetchService(ctx, caller.accountSid, params.Service)
      return readList(
        input,
        { url: `${serviceUrl(urls, sid)}/Environments`, key: 'environments' },
        (page) => listEnvironments(ctx.storage.read, accountSid, sid, page),
        (environment) => show(ctx, environment, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: ONE,
    ...may('read'),
    status: 200,
    reply: EnvironmentWire,
    handle: async (ctx, { caller, params, urls }) =>
      show(ctx, await fetchEnvironment(ctx, caller.accountSid, params.Service, params.Sid), urls),
  }),
  operation({
    method: 'DELETE',
    path: ONE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: async (ctx, { caller, params }) =>
      endEnvironment(ctx, caller, await fetchEnvironment(ctx, caller.accountSid, params.Service, params.Sid)),
  }),
]
