import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { ConfigError, quote } from './config-values.ts'

/** Takes requests at the configured address. Throws ConfigError, which names the setting, where it cannot be had. */
export async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
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
