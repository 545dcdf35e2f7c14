import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { destination, pino } from 'pino'
import { ensureFirstAccount } from './accounts/accounts/account.ts'
import { buildApp, type Tls } from './app.ts'
import { type Config, isLoopback } from './config.ts'
import { closeContext, openContext } from './context.ts'
import type { RunningServer } from './intercept/environment.ts'
import type { Log } from './log.ts'
import { startBackground } from './operations/background.ts'
import { CONTROL_PATH, type Credentials, readFirstCredentials } from './operations/control.ts'
import { makeService } from './verify/services/service.ts'
import { insertService } from './verify/services/store.ts'
import { loadNumberingPlans } from './verify/verifications/recipient.ts'

const FIRST_SERVICE = 'Countersign'
/** In the data directory while the server runs: where this machine's command line reaches it. */
const SERVER_FILE = 'server.json'

export interface StartedServer extends RunningServer {
  /** True at the very first start: the auth token has to be shown, this once. */
  isNew: boolean
  /** True where this start made the master key. */
  madeKey: boolean
  /** Where the whole world reaches it. `url` is where this machine does. */
  publicUrl: string
}

/** Opens everything, listens, sends what is due. Resolves when requests are answered. */
export async function startServer(config: Config, log: Log = makeLog(config)): Promise<StartedServer> {
  const tls = await readTls(config)
  const ctx = await openContext(config, log)
  try {
    const { created } = await ensureFirstAccount(ctx, (tx, { sid }) =>
      insertService(tx, makeService(ctx, sid, { FriendlyName: FIRST_SERVICE })),
    )
    const secret = ctx.random.bytes(32).toString('hex')
    const app = buildApp(ctx, { tls, controlSecret: secret })
    // Before anything can be queued: on SQLite it takes all leases for those of a process that is gone.
    // Before the first request: on SQLite it frees all leases, and none of them may be in use.
    await ctx.delivery.start()
    await app.listen({ host: config.host, port: config.port })
    const publicUrl = addressOf(app.server, tls !== undefined, config.host)
    const local = tls || !isLoopback(config.host) ? await listenLocally(app) : undefined
    const url = local ? addressOf(local, false, '127.0.0.1') : publicUrl
    const stopBackground = startBackground(ctx)
    const file = join(config.dataDir, SERVER_FILE)
    await writeFile(file, JSON.stringify({ url, secret, pid: process.pid }), { mode: 0o600 })
    // 34 ms that the first answer does not wait for.
    setImmediate(() => void loadNumberingPlans())
    return {
      ...(await readFirstCredentials(ctx)),
      url,
      publicUrl: config.publicUrl ?? publicUrl,
      isNew: created,
      madeKey: ctx.madeKey,
      async close() {
        await rm(file, { force: true })
        local?.close()
        await app.close()
        await stopBackground()
        await closeContext(ctx)
      },
    }
  } catch (error) {
    await closeContext(ctx)
    throw error
  }
}

/** The first account's credentials, from the server that runs on the data directory or else from its database. */
export async function readCredentials(config: Config): Promise<Credentials> {
  const running = await readServerFile(config.dataDir)
  if (running) {
    const reply = await fetch(new URL(CONTROL_PATH, running.url), {
      headers: { authorization: `Bearer ${running.secret}` },
    }).catch(() => undefined)
    if (reply?.ok) return (await reply.json()) as Credentials
  }
  // No carrier is needed to read what is kept.
  const ctx = await openContext({ ...config, providers: {} }, makeLog(config))
  try {
    return await readFirstCredentials(ctx)
  } finally {
    await closeContext(ctx)
  }
}

/** Where the server of a data directory says that it is. One that was killed leaves its file behind. */
export async function readServerFile(dataDir: string): Promise<{ url: string; secret: string } | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, SERVER_FILE), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * One JSON line an event, on standard error: standard output is for what a person asked for. Written four times a
 * second, or by 4 KB, and at the end.
 */
export function makeLog({ logLevel }: Config): Log {
  return pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Not the rest of an error: PostgreSQL puts rows into its details.
      serializers: {
        err: ({ name, message, stack, code, cause }) => ({
          name,
          message,
          code,
          stack,
          cause: cause?.message,
        }),
      },
    },
    destination({ fd: 2, sync: false, minLength: 4_096, periodicFlush: 250 }),
  )
}

async function readTls({ tlsCert, tlsKey }: Config): Promise<Tls | undefined> {
  if (!tlsCert || !tlsKey) return undefined
  const [cert, key] = await Promise.all([readFile(tlsCert), readFile(tlsKey)])
  return { cert, key }
}

/** A door of loopback for this machine's command line, where the main one has TLS or faces outside. */
async function listenLocally(app: FastifyInstance): Promise<Server> {
  const server = createServer(app.routing)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return server
}

function addressOf(server: Pick<Server, 'address'>, secure: boolean, host: string): string {
  const { port } = server.address() as AddressInfo
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
