import { audit, type Change } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import { isDeployed } from '../environments/store.ts'
import { checkLimit } from '../limits.ts'
import type { ResourceKind } from '../resources/resource.ts'
import { type FunctionService, fetchService } from '../services/service.ts'
import { lockService } from '../services/store.ts'
import { lockVersion } from '../versions/store.ts'
import type { Version } from '../versions/version.ts'
import { type Dependency, parseDependencies } from './dependencies.ts'
import { countAsked, deleteBuild, findBuild, insertBuild, insertBuildItem, lockBuild } from './store.ts'

/** The versions of Node.js that a build may ask for. All run on the server's own. */
export const RUNTIMES = ['node18', 'node20', 'node22', 'node24', 'node26'] as const
const DEFAULT_RUNTIME = 'node22'

const HOUR_MS = 3_600_000

/** Versions of functions and assets, with what they need: ready to run once it is `completed`, and never changed. */
export interface Build {
  sid: string
  accountSid: string
  serviceSid: string
  status: 'building' | 'completed' | 'failed'
  /** Why it failed. */
  reason: string | null
  dependencies: Dependency[]
  runtime: string
  createdAtMs: number
  updatedAtMs: number
}

export interface BuildInput {
  FunctionVersions?: string[]
  AssetVersions?: string[]
  Dependencies?: string
  Runtime?: string
}

/**
 * Asks for a build: the queue makes it. Throws 20404, 60200 for dependencies that are none, and 20001 for versions of
 * another service, two of one path, none at all, or too many.
 */
export async function createBuild(
  ctx: Context,
  caller: Caller,
  service: FunctionService,
  input: BuildInput,
): Promise<Build> {
  const { accountSid } = service
  const now = ctx.clock.now()
  const build: Build = {
    sid: newSid('ZB', 0, now, ctx.random),
    accountSid,
    serviceSid: service.sid,
    status: 'building',
    reason: null,
    dependencies: parseDependencies(input.Dependencies),
    runtime: input.Runtime ?? DEFAULT_RUNTIME,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    if (!(await lockService(tx, ctx.storage.forUpdate, accountSid, service.sid)))
      throw fail.notFound(`/Services/${service.sid}`)
    checkLimit('buildsAnHour', await countAsked(tx, accountSid, Math.floor(now / HOUR_MS)))
    const versions = await takeVersions(ctx, tx, service, input)
    await insertBuild(tx, build)
    for (const { sid } of versions) await insertBuildItem(tx, build, sid)
    const { dependencies, runtime } = build
    const data = { service_sid: service.sid, versions: versions.length, dependencies, runtime }
    await audit(ctx, tx, caller, changeOf('created', build.sid, data))
  })
  ctx.functions.builds.wake()
  return build
}

/** Throws 20404. `service` is the sid or the unique name of one. */
export async function fetchBuild(
  ctx: Context,
  accountSid: string,
  service: string,
  sid: string,
): Promise<Build> {
  const { sid: serviceSid } = await fetchService(ctx, accountSid, service)
  const build = await findBuild(ctx.storage.read, accountSid, serviceSid, sid)
  if (!build) throw notFound(sid)
  return build
}

/** Throws 20404, 20409 where it runs somewhere. */
export async function removeBuild(ctx: Context, caller: Caller, build: Build): Promise<void> {
  const { accountSid, serviceSid, sid } = build
  await ctx.storage.write(async (tx) => {
    // So that nobody deploys it meanwhile.
    if (!(await lockBuild(tx, ctx.storage.forUpdate, accountSid, serviceSid, sid))) throw notFound(sid)
    if (await isDeployed(tx, accountSid, sid)) throw fail.conflict()
    await deleteBuild(tx, accountSid, sid)
    await audit(ctx, tx, caller, changeOf('deleted', sid, {}))
  })
}

/** The versions that are asked for, each once, kept from being removed. */
async function takeVersions(
  ctx: Context,
  tx: Tx,
  service: FunctionService,
  { FunctionVersions = [], AssetVersions = [] }: BuildInput,
): Promise<Version[]> {
  const asked = new Map<string, ResourceKind>()
  for (const sid of FunctionVersions) asked.set(sid, 'function')
  for (const sid of AssetVersions) asked.set(sid, 'asset')
  if (asked.size === 0)
    throw fail.invalidRequest('A build needs at least one version of a function or an asset')
  const versions: Version[] = []
  // In the order in which others take their locks.
  for (const [sid, kind] of [...asked].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const version = await lockVersion(tx, ctx.storage.forUpdate, service.accountSid, service.sid, sid)
    if (version?.kind !== kind) throw fail.invalidRequest(`The service has no ${kind} version ${sid}`)
    versions.push(version)
  }
  checkVersions(versions)
  return versions
}

function checkVersions(versions: readonly Version[]): void {
  const places = new Set(versions.map(({ kind, path }) => `${kind} ${path}`))
  if (places.size < versions.length) throw fail.invalidRequest('Two versions in a build have the same Path')
  const assets = versions.filter(({ kind }) => kind === 'asset')
  const isPrivate = ({ visibility }: Version) => visibility === 'private'
  checkLimit('functionVersions', versions.length - assets.length)
  checkLimit('privateAssetVersions', assets.filter(isPrivate).length)
  checkLimit('openAssetVersions', assets.length - assets.filter(isPrivate).length)
}

const notFound = (sid: string) => fail.notFound(`/Builds/${sid}`)

const changeOf = (what: string, sid: string, data: Change['data']): Change => ({
  type: `serverless-build.${what}`,
  resource: 'serverless-build',
  sid,
  data,
})
