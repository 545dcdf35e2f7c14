import { audit } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { forgetEnvironment } from '../forget.ts'
import { checkLimit } from '../limits.ts'
import { type FunctionService, fetchService } from '../services/service.ts'
import { lockService } from '../services/store.ts'
import { countEnvironments, deleteEnvironment, findEnvironment, insertEnvironment } from './store.ts'

/** A place where a build runs, under a domain of its own and with variables of its own. */
export interface Environment {
  sid: string
  accountSid: string
  serviceSid: string
  uniqueName: string
  domainSuffix: string | null
  /** The first part of its domain. */
  label: string
  /** Null where nothing is deployed; so is `buildSid`. */
  deploymentSid: string | null
  buildSid: string | null
  /** Moves on with everything that changes an invocation. */
  revision: number
  createdAtMs: number
  updatedAtMs: number
}

/** Throws 20404, 20001 for too many, 20409 where the name or the suffix is taken. */
export async function createEnvironment(
  ctx: Context,
  caller: Caller,
  service: FunctionService,
  input: { UniqueName: string; DomainSuffix?: string },
): Promise<Environment> {
  const now = ctx.clock.now()
  const suffix = input.DomainSuffix || null
  const environment: Environment = {
    sid: newSid('ZE', 0, now, ctx.random),
    accountSid: service.accountSid,
    serviceSid: service.sid,
    uniqueName: input.UniqueName,
    domainSuffix: suffix,
    label: suffix === null ? service.domainBase : `${service.domainBase}-${suffix.toLowerCase()}`,
    deploymentSid: null,
    buildSid: null,
    revision: 1,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    if (!(await lockService(tx, ctx.storage.forUpdate, service.accountSid, service.sid)))
      throw fail.notFound(`/Services/${service.sid}`)
    checkLimit('environments', (await countEnvironments(tx, service.accountSid, service.sid)) + 1)
    if ((await insertEnvironment(tx, environment)) === 0) throw fail.conflict()
    await audit(ctx, tx, caller, {
      ...resource('created', environment),
      data: { service_sid: service.sid, unique_name: input.UniqueName, domain_suffix: suffix },
    })
  })
  return environment
}

/** Throws 20404. `service` is the sid or the unique name of one. */
export async function fetchEnvironment(
  ctx: Context,
  accountSid: string,
  service: string,
  sid: string,
): Promise<Environment> {
  const { sid: serviceSid } = await fetchService(ctx, accountSid, service)
  const environment = await findEnvironment(ctx.storage.read, accountSid, serviceSid, sid)
  if (!environment) throw notFound(sid)
  return environment
}

/** Its variables and deployments go with it; what it logged is nobody's any more. Throws 20404. */
export async function endEnvironment(ctx: Context, caller: Caller, environment: Environment): Promise<void> {
  await ctx.storage.write(async (tx) => {
    if ((await deleteEnvironment(tx, environment)) === 0) throw notFound(environment.sid)
    await audit(ctx, tx, caller, { ...resource('deleted', environment), data: {} })
  })
  forgetEnvironment(ctx, environment.sid)
}

export const notFound = (sid: string) => fail.notFound(`/Environments/${sid}`)

const resource = (what: 'created' | 'deleted', { sid }: Environment) => ({
  type: `serverless-environment.${what}`,
  resource: 'serverless-environment',
  sid,
})
