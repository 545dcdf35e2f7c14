import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { closeInTurn } from '../close.ts'
import type { Context } from '../context.ts'
import { AssetContents } from './assets.ts'
import { openBundles } from './builds/bundle.ts'
import { openModules } from './builds/install.ts'
import { BuildQueue } from './builds/queue.ts'
import { type KeptDeployed, keepDeployed } from './deployed.ts'
import { type Egress, openEgress } from './egress.ts'
import { type FunctionLogs, keepFunctionLogs } from './logs/log.ts'
import { HeldBytes } from './request.ts'
import { openPools, type Pools } from './runtime/pools.ts'
import { openWall, type Wall } from './wall/wall.ts'

/**
 * What builds and runs Functions. Its workshop (the wall, packages, children) is opened by its first use: most who open a
 * context run none. Nothing is built before `start`.
 */
export interface Functions {
  deployed: KeptDeployed
  logs: FunctionLogs
  egress: Egress
  assets: AssetContents
  held: HeldBytes
  builds: Pick<BuildQueue, 'wake' | 'drained'>
  pools: Pick<Pools, 'invoke' | 'retire'>
  wall(): Promise<Wall>
  /** Looks for builds that are due, from now on. */
  start(): Promise<void>
  /** Ends what is under way. */
  close(): Promise<void>
}

interface Workshop {
  wall: Wall
  builds: BuildQueue
  pools: Pools
}

export function openFunctions(ctx: Context): Functions {
  const egress = openEgress(ctx)
  const logs = withAlerts(ctx, keepFunctionLogs(ctx))
  let opening: Promise<Workshop> | undefined
  let hasStarted = false
  const workshop = () => {
    opening ??= openWorkshop(ctx, egress, logs).catch((error) => {
      // The next who needs it tries again.
      opening = undefined
      throw error
    })
    return opening
  }
  const complain = (err: unknown) => ctx.log.error({ err }, 'Functions cannot be built or run')

  return {
    deployed: keepDeployed(ctx),
    logs,
    egress,
    assets: new AssetContents(ctx.storage),
    held: new HeldBytes(),
    builds: {
      wake() {
        if (hasStarted) void workshop().then(({ builds }) => builds.wake(), complain)
      },
      drained: async () => (await workshop()).builds.drained(),
    },
    pools: {
      invoke: async (invocation) => (await workshop()).pools.invoke(invocation),
      retire: (sid) => void opening?.then(({ pools }) => pools.retire(sid), complain),
    },
    wall: async () => (await workshop()).wall,
    async start() {
      hasStarted = true
      await workshop().then(({ builds }) => builds.start(), complain)
    },
    async close() {
      const opened = await opening?.catch(() => undefined)
      await closeInTurn(ctx.log, [
        opened ? [() => opened.builds.close(), () => opened.pools.close()] : [],
        [() => egress.close(), () => logs.flush()],
      ])
    },
  }
}

/** All that it writes on this machine is below one folder of the data directory. */
async function openWorkshop(ctx: Context, egress: Egress, logs: FunctionLogs): Promise<Workshop> {
  const { config, clock, random } = ctx
  const scratch = join(config.dataDir, 'functions')
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  const wall = await openWall(config, scratch, random)
  const modules = await openModules(scratch, { wall, clock, environment: config.npmEnvironment })
  const bundles = await openBundles(ctx, scratch, modules)
  const pools = await openPools({
    clock,
    bundles,
    logs,
    scratch,
    wall,
    egress,
    log: ctx.log,
    memoryMb: config.functionsMemoryMb,
  })
  const builds = new BuildQueue(ctx, { modules, bundles, refusal: wall.refusal })
  return { wall, builds, pools }
}

/** What a function warns of, or calls an error, is an alert as well; what it says there is in its log only. */
function withAlerts({ alerts }: Context, logs: FunctionLogs): FunctionLogs {
  return {
    ...logs,
    add(line) {
      logs.add(line)
      const { level, deployed, functionSid, requestSid } = line
      if (level === 'info') return
      alerts.raise({
        accountSid: deployed.accountSid,
        logLevel: level === 'warn' ? 'warning' : 'error',
        errorCode: level === 'warn' ? '82004' : '82005',
        text: `A function logged ${level === 'warn' ? 'a warning' : 'an error'} (${requestSid})`,
        resourceSid: functionSid ?? deployed.environmentSid,
        serviceSid: deployed.serviceSid,
      })
    },
  }
}
