import { audit, type Change, differences } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { checkLimit } from '../limits.ts'
import { type FunctionService, fetchService } from '../services/service.ts'
import { listUnbuilt } from '../versions/store.ts'
import { dropVersions } from '../versions/version.ts'
import { countResources, deleteRow, findResource, insertResource, updateResource } from './store.ts'

export type ResourceKind = 'function' | 'asset'

/** A function or an asset: a name, under which versions are uploaded. */
export interface Resource {
  sid: string
  accountSid: string
  serviceSid: string
  kind: ResourceKind
  friendlyName: string
  createdAtMs: number
  updatedAtMs: number
}

/** Throws 20404, 20001 for too many. */
export async function createResource(
  ctx: Context,
  caller: Caller,
  service: FunctionService,
  kind: ResourceKind,
  friendlyName: string,
): Promise<Resource> {
  const now = ctx.clock.now()
  const resource: Resource = {
    sid: newSid('ZH', 0, now, ctx.random),
    accountSid: caller.accountSid,
    serviceSid: service.sid,
    kind,
    friendlyName,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    const count = await countResources(tx, caller.accountSid, service.sid, kind)
    checkLimit(kind === 'function' ? 'functions' : 'assets', count + 1)
    await insertResource(tx, resource)
    await audit(
      ctx,
      tx,
      caller,
      changeOf('created', resource, { ...shown(resource), service_sid: service.sid }),
    )
  })
  return resource
}

/** Throws 20404. `service` is the sid or the unique name of one. */
export async function fetchResource(
  ctx: Context,
  accountSid: string,
  service: string,
  kind: ResourceKind,
  sid: string,
): Promise<Resource> {
  const { sid: serviceSid } = await fetchService(ctx, accountSid, service)
  const resource = await findResource(ctx.storage.read, accountSid, serviceSid, kind, sid)
  if (!resource) throw notFound(kind, sid)
  return resource
}

/** Throws 20404. */
export async function changeResource(
  ctx: Context,
  caller: Caller,
  before: Resource,
  friendlyName: string,
): Promise<Resource> {
  const resource: Resource = { ...before, friendlyName, updatedAtMs: ctx.clock.now() }
  await ctx.storage.write(async (tx) => {
    if ((await updateResource(tx, resource)) === 0) throw notFound(before.kind, before.sid)
    await audit(ctx, tx, caller, changeOf('updated', resource, differences(shown(before), shown(resource))))
  })
  return resource
}

/** Builds keep what they are made of, and go on running. Throws 20404. */
export async function deleteResource(ctx: Context, caller: Caller, resource: Resource): Promise<void> {
  const { accountSid, sid } = resource
  await ctx.storage.write(async (tx) => {
    if ((await deleteRow(tx, accountSid, sid)) === 0) throw notFound(resource.kind, sid)
    await audit(ctx, tx, caller, changeOf('deleted', resource, {}))
    await dropVersions(tx, ctx.storage.forUpdate, await listUnbuilt(tx, accountSid, sid))
  })
}

const notFound = (kind: ResourceKind, sid: string) =>
  fail.notFound(`/${kind === 'function' ? 'Functions' : 'Assets'}/${sid}`)

/** What events tell of it. */
const shown = ({ friendlyName }: Resource) => ({ friendly_name: friendlyName })

const changeOf = (what: string, { kind, sid }: Resource, data: Change['data']): Change => ({
  type: `serverless-${kind}.${what}`,
  resource: `serverless-${kind}`,
  sid,
  data,
})
