import { randomFillSync, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { type Alerts, keepAlerts } from './accounts/alerts/alert.ts'
import { keepLogins, type Logins } from './accounts/audit/logins.ts'
import { sealAudit } from './accounts/audit/sealer.ts'
import { listLogins } from './accounts/audit/store.ts'
import { type LoginLimits, limitLogins } from './accounts/login-limits.ts'
import { limitOwnSends, type OwnSends } from './accounts/own-service/own-service.ts'
import { type CallCounts, countCalls } from './accounts/usage/call-counts.ts'
import type { Clock, Random } from './clock.ts'
import { closeInTurn } from './close.ts'
import type { Config } from './config.ts'
import { makeDataDirectory } from './data-directory.ts'
import { planRoutes } from './delivery/choose.ts'
import type { Incoming, Provider, Receipt } from './delivery/provider.ts'
import { openProviders } from './delivery/providers/open.ts'
import { DeliveryQueue } from './delivery/queue.ts'
import { type Rates, readRates } from './delivery/rates.ts'
import { recordReceipt } from './delivery/receipts.ts'
import { type Functions, openFunctions } from './functions/functions.ts'
import { type Inbox, openInbox } from './inbox/inbox.ts'
import { type Known, keepKnown } from './known.ts'
import type { Log } from './log.ts'
import { receiveMessage } from './messaging/inbound/receive.ts'
import { type Messaging, openMessaging } from './messaging/messaging.ts'
import { openServingNode, type ServingNode } from './operations/serving-node.ts'
import { openInstallation } from './storage/installation.ts'
import { migrate } from './storage/migrate.ts'
import type { Observe, Storage } from './storage/storage.ts'
import type { KeyedVault } from './storage/vault.ts'
import { RecipientLanes } from './verify/verifications/recipient-lanes.ts'
import { mayCallLoopback } from './webhooks/address.ts'
import { WebhookQueue } from './webhooks/queue.ts'

/** Everything the rooms work with; built once, injected everywhere. */
export interface Context {
  config: Config
  storage: Storage
  clock: Clock
  random: Random
  vault: KeyedVault
  log: Log
  known: Known
  lanes: RecipientLanes
  loginLimits: LoginLimits
  ownSends: OwnSends
  logins: Logins
  alerts: Alerts
  /** What the API was called, by account: for usage. */
  callCounts: CallCounts
  inbox: Inbox
  providers: ReadonlyMap<string, Provider>
  delivery: DeliveryQueue
  rates: Rates
  webhooks: WebhookQueue
  messaging: Messaging
  functions: Functions
  /** Keyed hash (32 bytes): stands for recipients in indexes. */
  hash(...parts: string[]): Buffer
  placements: number
  /** Where the rows about these parts lie: 0 unless the tables are distributed. */
  placementOf(...parts: string[]): number
  /** This process among those that share the database. */
  node: ServingNode
  /** True where this start made the master key. */
  madeKey: boolean
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

const POOL_BYTES = 8192
let pool = Buffer.alloc(0)

export const systemRandom: Random = {
  bytes(length) {
    // One call of the kernel serves many sids and nonces.
    if (pool.length < length) pool = randomFillSync(Buffer.allocUnsafeSlow(Math.max(POOL_BYTES, length)))
    const taken = pool.subarray(0, length)
    pool = pool.subarray(length)
    return taken
  },
  int: (max) => randomInt(max),
}

/** What tests bring in the place of the real world. */
interface World {
  clock?: Clock
  random?: Random
  /** Told each statement that is prepared. */
  observe?: Observe
}

/** The database of a configuration: PostgreSQL with `DATABASE_URL`, else a SQLite file in the data directory. */
export async function openStorage(
  config: Config,
  { clock = systemClock, random = systemRandom, observe }: World = {},
): Promise<Storage> {
  const observed = observe && { observe }
  if (config.databaseUrl) {
    const { openPostgres } = await import('./storage/postgres.ts')
    const url = config.databaseUrl.reveal()
    return openPostgres(url, { random, ...observed }).catch((cause) => {
      // An error of the server itself says more than that it does not serve.
      throw new Error(`DATABASE_URL names ${placeOf(url)}, which cannot be used`, {
        cause: cause.cause ?? cause,
      })
    })
  }
  await makeDataDirectory(config.dataDir)
  const { openSqlite } = await import('./storage/sqlite.ts')
  return openSqlite(join(config.dataDir, 'countersign.db'), { clock, ...observed })
}

/** Host, port and database of a URL, without who logs in. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'a database (user name and password may need %-encoding)'
  const { hostname, port, pathname, searchParams } = new URL(url)
  return `${searchParams.get('host') ?? (hostname || 'localhost')}:${port || 5432}${pathname}`
}

/** Opens database, vault and providers. The queue does not run yet, and nothing listens. */
export async function openContext(
  config: Config,
  log: Log,
  { clock = systemClock, random = systemRandom, observe }: World = {},
): Promise<Context> {
  await makeDataDirectory(config.dataDir)
  const rates = await readRates(config.rates)
  const storage = await openStorage(config, { clock, random, ...(observe && { observe }) })
  try {
    await migrate(storage)
    const { vault, reloadKeys, placements, hash, madeKey } = await openInstallation(storage, {
      dataDir: config.dataDir,
      masterKeys: config.masterKeys,
      masterKeyFile: config.masterKeyFile,
      placements: config.placements,
      random,
      nowMs: clock.now(),
    })
    const base = {
      config,
      storage,
      clock,
      random,
      vault,
      log,
      hash,
      placements,
      placementOf: (...parts: string[]) =>
        placements === 1 ? 0 : hash('placement', ...parts).readUInt32BE(0) % placements,
      madeKey,
      known: keepKnown(storage),
      lanes: new RecipientLanes(clock),
      loginLimits: limitLogins(clock, (user, sinceMs) => listLogins(storage.system.read, user, sinceMs)),
      ownSends: limitOwnSends(clock),
    }
    const inbox = openInbox(base)
    const world = {
      clock,
      random,
      log,
      receipt: (receipt: Receipt) => recordReceipt(context, receipt),
      incoming: (message: Incoming) => receiveMessage(context, message),
    }
    const providers = await openProviders(config, inbox, world)
    const context: Context = Object.assign(base, {
      logins: keepLogins(base, () => context),
      alerts: keepAlerts(base),
      callCounts: countCalls(base),
      rates,
      inbox,
      providers,
      delivery: undefined as unknown as DeliveryQueue,
      node: undefined as unknown as ServingNode,
      webhooks: undefined as unknown as WebhookQueue,
      messaging: undefined as unknown as Messaging,
      functions: undefined as unknown as Functions,
    })
    const routes = planRoutes(config, providers, clock)
    context.delivery = new DeliveryQueue(context, routes)
    context.messaging = openMessaging(context, routes.get('sms') ?? [])
    context.webhooks = new WebhookQueue(context, mayCallLoopback(config))
    context.functions = openFunctions(context)
    context.node = openServingNode(context, reloadKeys)
    return context
  } catch (error) {
    await storage.close()
    throw error
  }
}

/**
 * Lets sends under way end, closes carriers, seals the last events, closes the database. Never rejects. A start that
 * failed seals nothing: what it has to say is why.
 */
export async function closeContext(ctx: Context, { seal = true } = {}): Promise<void> {
  const { delivery, webhooks, providers, logins, alerts, callCounts } = ctx
  await closeInTurn(ctx.log, [
    [() => ctx.node.close()],
    // Its answers come from Functions.
    [() => ctx.messaging.close()],
    [() => ctx.functions.close()],
    [() => delivery.close(), () => webhooks.close()],
    [...providers.values()].map((provider) => () => provider.close()),
    // Of the last seconds. Refused log-ins raise alerts.
    [() => logins.flush({ all: true }), () => callCounts.flush()],
    [() => alerts.flush({ all: true })],
    seal ? [() => sealAudit(ctx, { all: true })] : [],
    [() => ctx.storage.close()],
  ])
}
