import { lookup } from 'node:dns/promises'
import type { Server, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { ConfigError, quote } from './config-values.ts'
import type { Context } from './context.ts'

/**
 * Ten thousand that are kept idle, and half as many again that are not. More would take memory (16 KB each, with TLS
 * 80) and descriptors that the database and carriers need.
 */
const MAX_CONNECTIONS = 15_000
const MINUTE_MS = 60_000
/** Longer than a Function may run. */
const LAST_REQUESTS_MS = 20_000

/** Takes requests at the configured address. Throws ConfigError, which names the setting, where it cannot be had. */
export async function listen(app: FastifyInstance, { config }: Pick<Context, 'config'>) {
  try {
    await app.listen({ host: await addressOf(config.host), port: config.port })
  } catch (error) {
    throw nameSetting(error as NodeJS.ErrnoException, config)
  }
}

/** Why the address could not be had: a ConfigError that names the setting, or the error where no setting is to blame. */
export function nameSetting(
  error: NodeJS.ErrnoException,
  { host, port }: Pick<Config, 'host' | 'port'>,
): Error {
  const refusals: Record<string, string> = {
    EADDRINUSE: `PORT is ${port}, where another program listens: stop it, or take another`,
    EACCES: `PORT is ${port}, where this user may not listen: take one from 1024 on`,
    EADDRNOTAVAIL: `HOST is ${quote(host)}, which is not an address of this machine: 0.0.0.0 is all that it has`,
    ENOTFOUND: `HOST is ${quote(host)}, a name that is not known here: must be an address of this machine`,
  }
  const refusal = refusals[error.code === 'EAI_AGAIN' ? 'ENOTFOUND' : (error.code ?? '')]
  return refusal ? new ConfigError(refusal) : error
}

/**
 * Fastify would open a second server for the other address of `localhost`, with neither our limits nor the certificates
 * that come later.
 */
const addressOf = async (host: string) =>
  host === 'localhost' ? (await lookup(host, { order: 'ipv4first' })).address : host

/** The connections of a process's servers. */
export interface Connections {
  /**
   * Takes at most `max` of a server's at once: further ones are closed as they come. The log says so once a minute.
   */
  limit(server: Server, max?: number): void
  /** Once the servers close: their last requests have 20 s, then what is still open is cut. */
  endSoon(): void
}

export function keepConnections({ clock, log }: Pick<Context, 'clock' | 'log'>): Connections {
  const open = new Set<Socket>()
  let toldAtMs = Number.NEGATIVE_INFINITY
  return {
    limit(server, max = MAX_CONNECTIONS) {
      server.maxConnections = max
      server.on('connection', (socket: Socket) => {
        open.add(socket)
        socket.once('close', () => open.delete(socket))
      })
      server.on('drop', () => {
        if (clock.now() - toldAtMs < MINUTE_MS) return
        toldAtMs = clock.now()
        log.warn({ connections: max }, 'too many connections: further ones are refused')
      })
    },
    endSoon() {
      clock.after(LAST_REQUESTS_MS, () => {
        for (const socket of open) socket.destroy()
      })
    },
  }
}
