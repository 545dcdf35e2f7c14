import type { FastifyInstance } from 'fastify'
import { ConfigError, quote } from './config-values.ts'
import type { Context } from './context.ts'

/**
 * Ten thousand that are kept idle, and half as many again that are not. More would take memory (16 KB each, with TLS
 * 80) and descriptors that the database and carriers need.
 */
const MAX_CONNECTIONS = 15_000
const MINUTE_MS = 60_000

/** Takes requests at the configured address. Throws ConfigError, which names the setting, where it cannot be had. */
export async function listen(app: FastifyInstance, ctx: Pick<Context, 'config' | 'clock' | 'log'>) {
  const { host, port } = ctx.config
  limitConnections(app, ctx)
  const refusals: Record<string, string> = {
    EADDRINUSE: `PORT is ${port}, where another program listens: stop it, or take another`,
    EACCES: `PORT is ${port}, where this user may not listen: take one from 1024 on`,
    EADDRNOTAVAIL: `HOST is ${quote(host)}, which is not an address of this machine: 0.0.0.0 is all that it has`,
    ENOTFOUND: `HOST is ${quote(host)}, a name that is not known here: must be an address of this machine`,
  }
  await app.listen({ host, port }).catch((error: NodeJS.ErrnoException) => {
    const refusal = refusals[error.code === 'EAI_AGAIN' ? 'ENOTFOUND' : (error.code ?? '')]
    throw refusal ? new ConfigError(refusal) : error
  })
}

/** Beyond the limit a connection is closed as it comes. The log says so once a minute. */
function limitConnections({ server }: FastifyInstance, { clock, log }: Pick<Context, 'clock' | 'log'>): void {
  let toldAtMs = Number.NEGATIVE_INFINITY
  server.maxConnections = MAX_CONNECTIONS
  server.on('drop', () => {
    if (clock.now() - toldAtMs < MINUTE_MS) return
    toldAtMs = clock.now()
    log.warn({ connections: MAX_CONNECTIONS }, 'too many connections: further ones are refused')
  })
}
