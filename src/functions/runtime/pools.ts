import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Bundles } from '../builds/bundle.ts'
import type { Deployed } from '../deployed.ts'
import type { FunctionLogs } from '../logs/log.ts'
import { MAX_ANSWER_BYTES } from './answer.ts'
import { type Ground, openLauncher } from './launch.ts'
import { Pool, type PoolWorld } from './pool.ts'
import type { StartHead } from './protocol.ts'
import { EXPECTED_BYTES, MAX_LINE_BYTES, MAX_LOG_BYTES, MAX_LOG_LINES, Runner } from './runner.ts'

export interface Invocation {
  deployed: Deployed
  /** Of the function: `/sms-reply`. */
  path: string
  requestSid: string
  method: string
  headers: Record<string, string | string[]>
  /** Raw, without the question mark. */
  query: string
  body: Uint8Array
  domainName: string
  accountSid: string
  /** Undefined unless the service includes its credentials. */
  authToken?: string
}

export type Outcome =
  | {
      outcome: 'answered'
      status: number
      headers: readonly (readonly [name: string, value: string])[]
      body: Uint8Array
    }
  | { outcome: 'timeout'; ms: number }
  | { outcome: 'crashed'; reason: string }
  /** All children are busy, and enough invocations wait. */
  | { outcome: 'busy' }
  /** The answer breaks a rule. */
  | { outcome: 'broken'; reason: string }

export interface Pools {
  /** Never rejects. */
  invoke(invocation: Invocation): Promise<Outcome>
  /** Ends the children of an environment whose deployment changed, when they are idle. */
  retire(environmentSid: string): void
  /** Ends all children at once. */
  close(): Promise<void>
}

export interface PoolsOptions extends Ground {
  clock: Clock
  bundles: Bundles
  logs: Pick<FunctionLogs, 'add'>
  /** A folder of the server's own on this machine. */
  scratch: string
  /** For all children together. */
  memoryMb: number
}

/** How often limits are looked at while an invocation is under way. */
const WATCH_MS = 50
const WATCH_IDLE_MS = 1_000
/** Of the memory, for second and further children: an environment that has none finds room for one. */
const GROWTH_SHARE = 0.75
/** For one account, while another finds no room for its first child. */
const ACCOUNT_SHARE = 0.5
const MB = 1024 * 1024

/** The children of all environments, within one budget of memory. They start when they are needed. */
export async function openPools(options: PoolsOptions): Promise<Pools> {
  const { clock, bundles, logs, log } = options
  const budgetBytes = options.memoryMb * MB
  const launcher = await openLauncher(options.scratch, options)
  const pools = new Map<string, Pool>()
  /** Of an earlier revision, with something still under way. */
  const retired = new Set<Pool>()
  let stopWatch: (() => void) | undefined
  let isClosed = false

  const world: PoolWorld = {
    clock,
    logs,
    log,
    async start(deployed, events) {
      const bundle = await bundles.ensure({ ...deployed, buildSid: deployed.buildSid ?? '' })
      const launched = await launcher.launch(bundle, deployed.accountSid)
      const files = (of: Deployed['functions'], folder: string, extension: string) =>
        [...of.keys()].map((path) => [path, join(bundle.dir, folder, path + extension)] as const)
      const privateAssets = new Map(
        [...deployed.assets].filter(([, { visibility }]) => visibility === 'private'),
      )
      const start: StartHead = {
        serviceSid: deployed.serviceSid,
        environmentSid: deployed.environmentSid,
        variables: deployed.variables,
        functions: files(deployed.functions, 'functions', '.js'),
        assets: files(privateAssets, 'assets', ''),
        root: bundle.dir,
        modules: bundle.modules,
        egress: launched.egress,
        maxLogLines: MAX_LOG_LINES,
        maxLogBytes: MAX_LOG_BYTES,
        maxLineBytes: MAX_LINE_BYTES,
        maxBodyBytes: MAX_ANSWER_BYTES,
      }
      return new Runner(clock, launched, start, events)
    },
    mayStart(accountSid, isFirst) {
      if (hasTooMuch(accountSid, EXPECTED_BYTES)) return false
      const mostBytes = budgetBytes * (isFirst ? 1 : GROWTH_SHARE)
      while (promisedBytes(allPools()) + EXPECTED_BYTES > mostBytes) if (!endIdle()) return false
      return true
    },
    hasTooMuch,
  }

  const allPools = () => [...pools.values(), ...retired]
  const allRunners = () => allPools().flatMap((pool) => [...pool.runners])
  const usedBytes = (runners: readonly Runner[]) =>
    runners.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  /** With the children that are being started. */
  const promisedBytes = (of: readonly Pool[]) =>
    of.reduce((sum, pool) => sum + usedBytes([...pool.runners]) + pool.expected * EXPECTED_BYTES, 0)

  /** Nobody is kept from the half that is theirs; the other one is for who asks for it, or for whom nobody waits. */
  function hasTooMuch(accountSid: string, moreBytes = 0): boolean {
    const all = allPools()
    if (!all.some((pool) => pool.isHungry && pool.deployed.accountSid !== accountSid)) return false
    const bytes = promisedBytes(all.filter((pool) => pool.deployed.accountSid === accountSid))
    return bytes > 0 && bytes + moreBytes > budgetBytes * ACCOUNT_SHARE
  }

  /** Ends the child that has been idle for longest. False where none is. */
  function endIdle(): boolean {
    const idle = allRunners().filter((runner) => runner.isIdle)
    const [longest] = idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs)
    longest?.end()
    return longest !== undefined
  }

  /** Children grow after they have started: where that is too much, those go first that nobody needs. */
  function holdBudget(): void {
    while (usedBytes(allRunners()) > budgetBytes) {
      if (endIdle()) continue
      const [largest] = allRunners().sort((a, b) => b.memoryBytes - a.memoryBytes)
      largest?.end({
        outcome: 'crashed',
        reason: 'it used the most of the memory of all Functions, which was used up',
      })
    }
  }

  function watch(): void {
    stopWatch = undefined
    for (const pool of allPools()) pool.watch()
    holdBudget()
    for (const [sid, pool] of pools) if (pool.isEmpty) pools.delete(sid)
    for (const pool of retired) if (pool.isEmpty) retired.delete(pool)
    keepWatch()
  }

  function keepWatch(): void {
    if (isClosed || stopWatch || (pools.size === 0 && retired.size === 0)) return
    const isActive = allPools().some((pool) => pool.isActive)
    stopWatch = clock.after(isActive ? WATCH_MS : WATCH_IDLE_MS, watch)
  }

  function retire(environmentSid: string): void {
    const pool = pools.get(environmentSid)
    if (!pool) return
    pools.delete(environmentSid)
    retired.add(pool)
    pool.retire()
  }

  return {
    invoke(invocation) {
      if (isClosed) return Promise.resolve({ outcome: 'busy' })
      const { deployed } = invocation
      let pool = pools.get(deployed.environmentSid)
      // What was read just before a newer deployment runs as the newer one.
      if (pool && pool.deployed.revision < deployed.revision) {
        retire(deployed.environmentSid)
        pool = undefined
      }
      if (!pool) {
        pool = new Pool(deployed, world)
        pools.set(deployed.environmentSid, pool)
      }
      const outcome = pool.invoke(invocation)
      keepWatch()
      return outcome
    },
    retire,
    async close() {
      isClosed = true
      stopWatch?.()
      for (const pool of allPools()) pool.close()
    },
  }
}
