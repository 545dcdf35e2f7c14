import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import type { Urls } from '../../http/urls.ts'
import { type Environment, fetchEnvironment } from '../environments/environment.ts'
import { environmentUrl } from '../environments/wire.ts'
import { PATH } from '../services/wire.ts'
import { listVariables } from './store.ts'
import {
  changeVariable,
  createVariable,
  fetchVariable,
  openVariable,
  removeVariable,
  type Variable,
} from './variable.ts'
import { CreateBody, ListQuery, toVariableWire, UpdateBody, VariableWire } from './wire.ts'

const ALL = `${PATH}/:Service/Environments/:EnvironmentSid/Variables` as const
const ONE = `${ALL}/:Sid` as const
const may = (action: string) => ({ permission: `/twilio/serverless/variables/${action}` })

const listUrl = (urls: Urls, { serviceSid, sid }: Environment) =>
  `${environmentUrl(urls, serviceSid, sid)}/Variables`

const show = (variable: Variable, environment: Environment, urls: Urls) =>
  toVariableWire(variable, environment.serviceSid, listUrl(urls, environment))

export const variableOperations = [
  operation({
    method: 'POST',
    path: ALL,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: VariableWire,
    handle: async (ctx, { caller, params, input, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return show(await createVariable(ctx, caller, of, input), of, urls)
    },
  }),
  operation({
    method: 'GET',
    path: ALL,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('variables', VariableWire),
    handle: async (ctx, { caller, params, input, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return readList(
        input,
        { url: listUrl(urls, of), key: 'variables' },
        (page) => listVariables(ctx.storage.read, of.accountSid, of.sid, page),
        (sealed) => show(openVariable(ctx.vault, sealed), of, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: ONE,
    ...may('read'),
    status: 200,
    reply: VariableWire,
    handle: async (ctx, { caller, params, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return show(await fetchVariable(ctx, of, params.Sid), of, urls)
    },
  }),
  operation({
    method: 'POST',
    path: ONE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: VariableWire,
    handle: async (ctx, { caller, params, input, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return show(await changeVariable(ctx, caller, of, params.Sid, input), of, urls)
    },
  }),
  operation({
    method: 'DELETE',
    path: ONE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: async (ctx, { caller, params }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      await removeVariable(ctx, caller, of, params.Sid)
    },
  }),
]
