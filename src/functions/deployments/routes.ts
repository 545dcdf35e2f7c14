import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { fetchEnvironment } from '../environments/environment.ts'
import { environmentUrl } from '../environments/wire.ts'
import { PATH } from '../services/wire.ts'
import { createDeployment, fetchDeployment } from './deployment.ts'
import { listDeployments } from './store.ts'
import { CreateBody, DeploymentWire, ListQuery, toDeploymentWire } from './wire.ts'

const ALL = `${PATH}/:Service/Environments/:EnvironmentSid/Deployments` as const
const may = (action: string) => ({ permission: `/twilio/serverless/deployments/${action}` })

export const deploymentOperations = [
  operation({
    method: 'POST',
    path: ALL,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: DeploymentWire,
    handle: async (ctx, { caller, params, input, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return toDeploymentWire(await createDeployment(ctx, caller, of, input.BuildSid || null), urls)
    },
  }),
  operation({
    method: 'GET',
    path: ALL,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('deployments', DeploymentWire),
    handle: async (ctx, { caller, params, input, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return readList(
        input,
        { url: `${environmentUrl(urls, of.serviceSid, of.sid)}/Deployments`, key: 'deployments' },
        (page) => listDeployments(ctx.storage.read, of.accountSid, of.sid, page),
        (deployment) => toDeploymentWire(deployment, urls),
      )
    },
  }),
  operation({
    method: 'GET',
    path: `${ALL}/:Sid`,
    ...may('read'),
    status: 200,
    reply: DeploymentWire,
    handle: async (ctx, { caller, params, urls }) => {
      const of = await fetchEnvironment(ctx, caller.accountSid, params.Service, params.EnvironmentSid)
      return toDeploymentWire(await fetchDeployment(ctx, of, params.Sid), urls)
    },
  }),
]
