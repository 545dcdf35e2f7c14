import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'

/** A node whose clock is this far off the database's would take and release rows at the wrong time. */
const MAX_CLOCK_SKEW_MS = 2_000

export interface Readiness {
  ready: boolean
  checks: Record<string, string>
}

export async function checkReadiness(ctx: Context): Promise<Readiness> {
  const checks: Record<string, string> = {}
  try {
    const before = ctx.clock.now()
    const skewMs = Math.round((await ctx.storage.ping()) - (before + ctx.clock.now()) / 2)
    checks.database = 'ok'
    const { keyIds, activeKeyId } = ctx.vault
    checks['master key'] = ctx.node.isFenced()
      ? 'this node could not report for too long: it seals nothing'
      : keyIds.includes(activeKeyId)
        ? 'ok'
        : `this node lacks ${activeKeyId}`
    const isOff = ctx.storage.engine === 'postgres' && Math.abs(skewMs) > MAX_CLOCK_SKEW_MS
    checks.clock = isOff ? `${skewMs} ms off the database's` : 'ok'
  } catch {
    checks.database = 'does not answer'
  }
  const ready = Object.values(checks).every((check) => check === 'ok')
  // A carrier that is down is told, but takes no node out of service: other channels go on.
  for (const [id, provider] of ctx.providers) checks[`provider ${id}`] = provider.health().state
  return { ready, checks }
}

/** `/healthz`: the process serves. `/readyz`: so do its database and clock. Neither asks for credentials. */
export function registerHealth(app: FastifyInstance, ctx: Context): void {
  app.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const { ready, checks } = await checkReadiness(ctx)
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', checks })
  })
  for (const url of ['/healthz', '/readyz']) {
    app.route({
      method: ['POST', 'PUT', 'PATCH', 'DELETE'],
      url,
      handler: async (_request, reply) => {
        reply.header('allow', 'GET, HEAD')
        throw fail.methodNotAllowed()
      },
    })
  }
}
