import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Server as TlsServer } from 'node:tls'
import { pino } from 'pino'
import { ensureFirstAccount } from './accounts/accounts/account.ts'
import { asServer } from './accounts/audit/audit.ts'
import { buildApp, LIMITS } from './app.ts'
import { type Closer, closeInTurn } from './close.ts'
import { type Config, isLoopback } from './config.ts'
import { type Context, closeContext, openContext } from './context.ts'
import type { RunningServer } from './intercept/environment.ts'
import { keepConnections, listen } from './listen.ts'
import type { Log } from './log.ts'
import { openLogLines } from './log-lines.ts'
import { startBackground } from './operations/background.ts'
import { readFirstCredentials } from './operations/credentials.ts'
import { readTls, watchTls } from './tls.ts'
import { addService } from './verify/services/service.ts'
import { loadNumberingPlans } from './verify/verifications/recipient.ts'

/** Of the door that only this machine reaches: enough for its command line. */
const MAX_LOCAL_CONNECTIONS = 1_000
const FIRST_SERVICE = 'Countersign'
/** In the data directory while the server runs: where this machine's command line reaches it. */
const SERVER_FILE = 'server.json'

export interface StartedServer extends RunningServer {
  /** True where this start made the auth token: it has to be shown, this once. */
  madeToken: boolean
  /** True where this start made the master key. */
  madeKey: boolean
  /** Where the whole world reaches it. `url` is where this machine does. */
  publicUrl: string
  /** What keeps Functions away from the rest of this machine. */
  wall: string
  /** Takes up certificates and master keys that changed, without waiting for its next look. */
  reload(): Promise<void>
}

/** Opens everything, listens, sends what is due. Resolves when requests are answered. */
export async function startServer(config: Config, log: Log = makeLog(config)): Promise<StartedServer> {
  const tls = await readTls(config)
  const ctx = await openContext(config, log)
  /** The last opened first. */
  let isServing = false
  const closers: Closer[][] = [[() => closeContext(ctx, { seal: isServing })]]
  const close = () => closeInTurn(log, closers)
  try {
    const { created } = await ensureFirstAccount(ctx, (tx, { sid }) =>
      addService(ctx, tx, asServer(sid), { FriendlyName: FIRST_SERVICE }),
    )
    await ctx.node.start()
    const secret = ctx.random.bytes(32).toString('hex')
    const app = buildApp(ctx, { tls, controlSecret: secret })
    // Before the first request: on SQLite it frees all leases, and none of them may be in use.
    await ctx.delivery.start()
    await ctx.messaging.start()
    ctx.webhooks.start()
    closers.unshift([startBackground(ctx)])
    let local: Server | undefined
    const connections = keepConnections(ctx)
    connections.limit(app.server)
    // Together: requests of the local door end as those of the main one do, once that closes.
    closers.unshift([() => app.close(), () => local && closeDoor(local), connections.endSoon])
    await listen(app, ctx)
    // Takes longer than the first answer should wait.
    void ctx.functions.start()
    const certificate = tls && watchTls(app.server as unknown as TlsServer, tls, ctx)
    if (certificate) closers.unshift([certificate.close])
    const publicUrl = addressOf(app.server, tls !== undefined, nameOf(config.host))
    if (tls || !isLoopback(config.host)) {
      local = createServer(LIMITS, app.routing)
      connections.limit(local, MAX_LOCAL_CONNECTIONS)
      await listenLocally(local)
    }
    const url = local ? addressOf(local, false, '127.0.0.1') : publicUrl
    const file = join(config.dataDir, SERVER_FILE)
    await writeFile(file, JSON.stringify({ url, secret, pid: process.pid }), { mode: 0o600 })
    closers.unshift([() => rm(file, { force: true })])
    // 34 ms that the first answer does not wait for.
    setImmediate(() => void loadNumberingPlans())
    isServing = true
    return {
      ...(await readFirstCredentials(ctx)),
      url,
      publicUrl: config.publicUrl ?? publicUrl,
      madeToken: created && config.authToken === undefined,
      madeKey: ctx.madeKey,
      wall: await tellWall(ctx),
      async reload() {
        await certificate?.reload()
        await ctx.node.renew()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const tellWall = ({ functions }: Context) =>
  functions.wall().then(
    ({ refusal, describe }) => refusal ?? describe(),
    // Verifications go on without Functions; who starts those finds it in the log.
    () => 'cannot run: the log says why',
  )

/** Where the server of a data directory says that it is. One that was killed leaves its file behind. */
export async function readServerFile(
  dataDir: string,
): Promise<{ url: string; secret: string; pid: number } | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, SERVER_FILE), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * One JSON line an event, on standard error: standard output is for what a person asked for. Written four times a
 * second, or by 16 KB, and at the end.
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
    openLogLines(),
  )
}

/** For this machine's command line, where the main door has TLS or faces outside. */
const listenLocally = (door: Server) =>
  new Promise<void>((resolve, reject) => door.once('error', reject).listen(0, '127.0.0.1', resolve))

/** Resolves when its requests are answered. */
const closeDoor = (door: Server) => new Promise((resolve) => door.close(resolve))

/** Where it listens everywhere, how others may know this machine. */
const nameOf = (host: string) => (host === '0.0.0.0' || host === '::' ? hostname() : host)

function addressOf(server: Pick<Server, 'address'>, secure: boolean, host: string): string {
  const { port } = server.address() as AddressInfo
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
