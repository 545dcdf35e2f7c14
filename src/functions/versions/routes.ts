import type { TSchema } from 'typebox'
import { type Operation, operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { MAX_ASSET_BYTES } from '../limits.ts'
import { fetchResource, type ResourceKind } from '../resources/resource.ts'
import { NAMES, resourceUrl } from '../resources/wire.ts'
import { PATH } from '../services/wire.ts'
import { listVersions } from './store.ts'
import { createVersion, fetchSource, fetchVersion } from './version.ts'
import { ContentWire, ListQuery, toContentWire, toVersionWire, UploadBody, VersionWire } from './wire.ts'

const operationsOf = (kind: ResourceKind): Operation[] => {
  const { path, versions } = NAMES[kind]
  const all = `${PATH}/:Service/${path}/:ResourceSid/Versions` as const
  const may = (action: string) => ({ permission: `/twilio/serverless/${kind}-versions/${action}` })
  const reply = VersionWire[kind]
  const page: TSchema = listOf(versions, reply)
  return [
    operation({
      method: 'POST',
      path: all,
      ...may('create'),
      upload: { name: 'Content', maxBytes: MAX_ASSET_BYTES },
      input: UploadBody,
      status: 201,
      reply,
      handle: async (ctx, { caller, params, input, file, urls }) => {
        const resource = await fetchResource(ctx, caller.accountSid, params.Service, kind, params.ResourceSid)
        return toVersionWire(await createVersion(ctx, caller, resource, input, file), urls)
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
        const resource = await fetchResource(ctx, caller.accountSid, params.Service, kind, params.ResourceSid)
        const { accountSid, serviceSid, sid } = resource
        return readList(
          input,
          { url: `${resourceUrl(urls, serviceSid, kind, sid)}/Versions`, key: versions },
          (page) => listVersions(ctx.storage.read, accountSid, sid, page),
          (version) => toVersionWire(version, urls),
        )
      },
    }),
    operation({
      method: 'GET',
      path: `${all}/:Sid`,
      ...may('read'),
      status: 200,
      reply,
      handle: async (ctx, { caller, params, urls }) => {
        const resource = await fetchResource(ctx, caller.accountSid, params.Service, kind, params.ResourceSid)
        return toVersionWire(await fetchVersion(ctx, resource, params.Sid), urls)
      },
    }),
  ]
}

export const versionOperations = [
  ...operationsOf('function'),
  ...operationsOf('asset'),
  operation({
    method: 'GET',
    path: `${PATH}/:Service/Functions/:ResourceSid/Versions/:Sid/Content`,
    permission: '/twilio/serverless/function-version-contents/read',
    status: 200,
    reply: ContentWire,
    handle: async (ctx, { caller, params, urls }) => {
      const { Service, ResourceSid, Sid } = params
      const resource = await fetchResource(ctx, caller.accountSid, Service, 'function', ResourceSid)
      const version = await fetchVersion(ctx, resource, Sid)
      return toContentWire(version, await fetchSource(ctx, version), urls)
    },
  }),
]
