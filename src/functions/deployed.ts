import { BoundedMap } from '../bounded-map.ts'
import type { Context } from '../context.ts'
import { findRunnable } from './builds/store.ts'
import { findAnyEnvironment, findRevision } from './environments/store.ts'
import { findService } from './services/store.ts'
import { listVariables } from './variables/store.ts'
import { openVariable } from './variables/variable.ts'
import { listVersionsOfBuild } from './versions/store.ts'
import type { Version } from './versions/version.ts'

export interface DeployedVersion {
  resourceSid: string
  versionSid: string
  path: string
  visibility: 'public' | 'protected' | 'private'
  contentType: string
  hash: string
  size: number
  createdAtMs: number
}

/** All that an invocation needs to know of an environment. */
export interface Deployed {
  accountSid: string
  serviceSid: string
  environmentSid: string
  label: string
  revision: number
  includeCredentials: boolean
  /** Null where nothing is deployed. */
  deploymentSid: string | null
  buildSid: string | null
  /** By path, `/sms-reply`. */
  functions: ReadonlyMap<string, DeployedVersion>
  assets: ReadonlyMap<string, DeployedVersion>
  /** As JSON text: `[{name,version}]`. */
  dependencies: string
  /** `package-lock.json` of the build; null where it has none. */
  lock: string | null
  /** Opened, by key. */
  variables: Readonly<Record<string, string>>
}

/**
 * What runs where, kept in memory by its revision: never by time. On SQLite this process is the only writer and
 * forgets what it changes; on PostgreSQL each look-up asks for the revision first.
 */
export interface KeptDeployed {
  find(label: string): Promise<Deployed | undefined>
  /** To be called after the commit of a change. */
  forget(environmentSid: string): void
}

const MAX_KEPT = 1_000
/** More than an environment may have. */
const MAX_VARIABLES = 1_000

interface Kept {
  /** As it was before the look-up: what that found may be newer, and never older. */
  revision: number
  deployed: Promise<Deployed | undefined>
}

export function keepDeployed({ storage, vault }: Pick<Context, 'storage' | 'vault'>): KeptDeployed {
  const kept = new BoundedMap<string, Kept>(MAX_KEPT)
  const sids = new BoundedMap<string, string>(MAX_KEPT)

  /** The environment first, so that no part of it is older than its revision. */
  async function load(sid: string): Promise<Deployed | undefined> {
    const environment = await findAnyEnvironment(storage.system.read, sid)
    if (!environment) return undefined
    const { accountSid, serviceSid, buildSid } = environment
    const { read } = storage
    const [service, build, versions, variables] = await Promise.all([
      findService(read, accountSid, serviceSid),
      buildSid === null ? undefined : findRunnable(read, accountSid, buildSid),
      buildSid === null ? [] : listVersionsOfBuild(read, accountSid, buildSid),
      listVariables(read, accountSid, sid, { cursor: undefined, limit: MAX_VARIABLES }),
    ])
    if (!service) return undefined
    return {
      accountSid,
      serviceSid,
      environmentSid: sid,
      label: environment.label,
      revision: environment.revision,
      includeCredentials: service.includeCredentials,
      deploymentSid: environment.deploymentSid,
      buildSid,
      functions: byPath(versions, 'function'),
      assets: byPath(versions, 'asset'),
      dependencies: build?.dependencies ?? '[]',
      lock: build?.lock ?? null,
      variables: Object.fromEntries(
        variables.map((sealed) => [sealed.key, openVariable(vault, sealed).value]),
      ),
    }
  }

  return {
    async find(label) {
      if (storage.engine === 'sqlite') {
        const known = kept.get(sids.get(label) ?? '')
        if (known) return known.deployed
      }
      const now = await findRevision(storage.system.read, label)
      if (!now) return undefined
      const known = kept.get(now.sid)
      if (known?.revision === now.revision) return known.deployed
      const deployed = load(now.sid)
      kept.set(now.sid, { revision: now.revision, deployed })
      sids.set(label, now.sid)
      // A look-up that failed is nothing to keep.
      deployed.catch(() => {
        if (kept.get(now.sid)?.deployed === deployed) kept.delete(now.sid)
      })
      return deployed
    },
    forget: (environmentSid) => void kept.delete(environmentSid),
  }
}

/** Those of one kind, as they are deployed. */
export function byPath(versions: readonly Version[], kind: Version['kind']): Map<string, DeployedVersion> {
  const ofKind = versions.filter((version) => version.kind === kind)
  return new Map(
    ofKind.map(({ resourceSid, sid, path, visibility, contentType, hash, size, createdAtMs }) => [
      path,
      { resourceSid, versionSid: sid, path, visibility, contentType, hash, size, createdAtMs },
    ]),
  )
}
