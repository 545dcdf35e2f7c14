import type { Context } from '../../context.ts'
import { operation } from '../../http/operation.ts'
import { listOf, readPage } from '../../http/paging.ts'
import type { Urls } from '../../http/urls.ts'
import { fetchService } from '../services/service.ts'
import { PATH, serviceUrl } from '../services/wire.ts'
import { listVersionsOfBuild } from '../versions/store.ts'
import { type Build, createBuild, fetchBuild, removeBuild } from './build.ts'
import { listBuilds } from './store.ts'
import { BuildStatusWire, BuildWire, CreateBody, ListQuery, toBuildStatusWire, toBuildWire } from './wire.ts'

const ALL = `${PATH}/:Service/Builds` as const
const ONE = `${ALL}/:Sid` as const
/** Each comes with all of its versions. */
const MAX_PAGE_SIZE = 100
/** All that a build may hold is named in one request. */
const LARGE_FORM = { maxParameters: 1_200, maxBytes: 128 * 1024 }
const may = (action: string) => ({ permission: `/twilio/serverless/builds/${action}` })

const show = async ({ storage }: Context, build: Build, urls: Urls) =>
  toBuildWire(build, await listVersionsOfBuild(storage.read, build.accountSid, build.sid), urls)

export const buildOperations = [
  operation({
    method: 'POST',
    path: ALL,
    ...may('create'),
    input: CreateBody,
    largeForm: LARGE_FORM,
    status: 201,
    reply: BuildWire,
    handle: async (ctx, { caller, params, input, urls }) => {
      const service = await fetchService(ctx, caller.accountSid, params.Service)
      return show(ctx, await createBuild(ctx, caller, service, input), urls)
    },
  }),
  operation({
    method: 'GET',
    path: ALL,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('builds', BuildWire),
    handle: async (ctx, { caller, params, input, urls }) => {
      const { accountSid, sid } = await fetchService(ctx, caller.accountSid, params.Service)
      const list = { url: `${serviceUrl(urls, sid)}/Builds`, key: 'builds', maxSize: MAX_PAGE_SIZE }
      const { items, meta } = await readPage(input, list, (page) =>
        listBuilds(ctx.storage.read, accountSid, sid, page),
      )
      return { builds: await Promise.all(items.map((build) => show(ctx, build, urls))), meta }
    },
  }),
  operation({
    method: 'GET',
    path: ONE,
    ...may('read'),
    status: 200,
    reply: BuildWire,
    handle: async (ctx, { caller, params, urls }) =>
      show(ctx, await fetchBuild(ctx, caller.accountSid, params.Service, params.Sid), urls),
  }),
  operation({
    method: 'DELETE',
    path: ONE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: async (ctx, { caller, params }) =>
      removeBuild(ctx, caller, await fetchBuild(ctx, caller.accountSid, params.Service, params.Sid)),
  }),
  operation({
    method: 'GET',
    path: `${ONE}/Status`,
    ...may('read'),
    status: 200,
    reply: BuildStatusWire,
    handle: async (ctx, { caller, params, urls }) =>
      toBuildStatusWire(await fetchBuild(ctx, caller.accountSid, params.Service, params.Sid), urls),
  }),
]
