import { audit } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { lockBuild } from '../builds/store.ts'
import { type Environment, notFound } from '../environments/environment.ts'
import { switchBuild } from '../environments/store.ts'
import { forgetEnvironment } from '../forget.ts'
import { findDeployment, insertDeployment } from './store.ts'

/** One switch of what runs in an environment. */
export interface Deployment {
  sid: string
  accountSid: string
  serviceSid: string
  environmentSid: string
  /** Null where it took away what ran. */
  buildSid: string | null
  createdAtMs: number
}

/**
 * From the commit on every invocation is one of the build; without one, nothing runs any more. An older build rolls
 * back. Throws 20404, 20001 for a build that is not completed or of another service.
 */
export async function createDeployment(
  ctx: Context,
  caller: Caller,
  environment: Environment,
  buildSid: string | null,
): Promise<Deployment> {
  const { accountSid, serviceSid } = environment
  const now = ctx.clock.now()
  const deployment: Deployment = {
    sid: newSid('ZD', 0, now, ctx.random),
    accountSid,
    serviceSid,
    environmentSid: environment.sid,
    buildSid,
    createdAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    if (buildSid !== null) {
      // So that nobody removes it meanwhile.
      const build = await lockBuild(tx, ctx.storage.forUpdate, accountSid, serviceSid, buildSid)
      if (!build) throw fail.invalidRequest(`The service has no build ${buildSid}`)
      if (build.status !== 'completed') throw fail.invalidRequest(`The build ${buildSid} is ${build.status}`)
    }
    const running = buildSid === null ? null : deployment.sid
    if ((await switchBuild(tx, environment, running, buildSid, now)) === 0) throw notFound(environment.sid)
    await insertDeployment(tx, deployment)
    await audit(ctx, tx, caller, {
      type: 'serverless-deployment.created',
      resource: 'serverless-deployment',
      sid: deployment.sid,
      data: { environment_sid: environment.sid, build_sid: buildSid },
    })
  })
  forgetEnvironment(ctx, environment.sid)
  return deployment
}

/** Throws 20404. */
export async function fetchDeployment(
  ctx: Context,
  environment: Environment,
  sid: string,
): Promise<Deployment> {
  const { accountSid } = environment
  const deployment = await findDeployment(ctx.storage.read, accountSid, environment.sid, sid)
  if (!deployment) throw fail.notFound(`/Deployments/${sid}`)
  return deployment
}
