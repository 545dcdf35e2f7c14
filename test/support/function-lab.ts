import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock } from '../../src/clock.ts'
import { systemClock, systemRandom } from '../../src/context.ts'
import type { Deployed, DeployedVersion } from '../../src/functions/deployed.ts'
import type { Egress } from '../../src/functions/egress.ts'
import { type Invocation, type Outcome, openPools, type Pools } from '../../src/functions/runtime/pools.ts'
import { openWall, type Wall } from '../../src/functions/wall/wall.ts'

export interface FunctionLab {
  pools: Pools
  deployed: Deployed
  /** Calls a function of the lab's environment, or of another one. */
  call(path: string, how?: Call): Promise<Answer>
  /** Another environment beside the first, or a new revision of it. */
  deploy(change: Partial<Deployed> & { sources?: Record<string, string> }): Promise<Deployed>
  /** `level message`, in the order of their coming. */
  logged: string[]
  /** How many lines each of those stands for that tell of dropped ones. */
  dropped: number[]
  /** What the server's own log says. */
  complaints: object[]
  wall: Wall
  /** Where children have their folders. */
  scratch: string
  close(): Promise<void>
}

type Call = Partial<Invocation> & { json?: unknown; form?: string }

export interface Answer {
  outcome: Outcome['outcome']
  /** Of those that have it. */
  reason: string | undefined
  status: number | undefined
  headers: readonly (readonly [name: string, value: string])[]
  header(name: string): string | undefined
  bytes: Uint8Array
  text: string
}

interface Options {
  variables?: Record<string, string>
  /** Private ones: `'/lib.js'`. */
  assets?: Record<string, string>
  /** The folder that holds node_modules. */
  modules?: string
  clock?: Clock
  memoryMb?: number
  egress?: Pick<Egress, 'rootPem' | 'listen'>
  /** Without: the strongest that this machine allows. */
  wall?: Wall
}

/** Leads nowhere. */
const NO_EGRESS: Pick<Egress, 'rootPem' | 'listen'> = {
  rootPem: '',
  listen: () => Promise.resolve({ close() {} }),
}

export const NO_WALL: Wall = {
  kind: 'none',
  refusal: undefined,
  describe: () => 'none',
  wrap: ([command = '', ...args]) => ({ command, args }),
}

const version = (path: string, resourceSid: string, visibility: DeployedVersion['visibility']) => ({
  resourceSid,
  versionSid: `ZN${path}`,
  path,
  visibility,
  contentType: 'application/javascript',
  hash: '',
  size: 0,
  createdAtMs: 0,
})

/** Real children that run these functions, by path: `'/hello'`. No server and no database are needed for that. */
export async function functionLab(
  sources: Record<string, string>,
  { variables = {}, assets = {}, modules, clock = systemClock, memoryMb = 1024, egress, wall }: Options = {},
): Promise<FunctionLab> {
  const folder = await mkdtemp(join(tmpdir(), 'fn-'))
  const dirs = new Map<string, string>()
  const logged: string[] = []
  const dropped: number[] = []
  const complaints: object[] = []
  const complain = (fields: object) => void complaints.push(fields)
  let builds = 0

  async function makeBuild(functions: Record<string, string>): Promise<string> {
    const buildSid = `ZB${builds++}`
    const dir = join(folder, buildSid)
    const files = [
      ...Object.entries(functions).map(
        ([path, text]) => [join(dir, 'functions', `${path}.js`), text] as const,
      ),
      ...Object.entries(assets).map(([path, text]) => [join(dir, 'assets', path), text] as const),
    ]
    for (const [file, text] of [...files, [join(dir, 'package.json'), '{}'] as const]) {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
    }
    if (modules !== undefined) await symlink(join(modules, 'node_modules'), join(dir, 'node_modules'))
    dirs.set(buildSid, dir)
    return buildSid
  }

  const versionsOf = (functions: Record<string, string>) =>
    new Map(Object.keys(functions).map((path) => [path, version(path, `ZH${path}`, 'public')]))

  const first: Deployed = {
    accountSid: `AC${'1'.repeat(32)}`,
    serviceSid: 'ZS1',
    environmentSid: 'ZE1',
    label: 'lab-1234-dev',
    revision: 1,
    includeCredentials: false,
    deploymentSid: 'ZD1',
    buildSid: await makeBuild(sources),
    functions: versionsOf(sources),
    assets: new Map(Object.keys(assets).map((path) => [path, version(path, `ZH${path}`, 'private')])),
    dependencies: '[]',
    lock: null,
    variables,
  }

  await mkdir(join(folder, 'wall'))
  const found =
    wall ??
    (await openWall({ functionsIsolation: 'best', host: '127.0.0.1' }, join(folder, 'wall'), systemRandom))
  const pools = await openPools({
    clock,
    wall: found,
    egress: egress ?? NO_EGRESS,
    log: { warn: complain, error: complain },
    bundles: {
      ensure: ({ buildSid }) => Promise.resolve({ dir: dirs.get(buildSid) ?? '', modules: modules ?? null }),
    },
    logs: {
      add({ level, message, lines = 1 }) {
        logged.push(`${level} ${message}`)
        if (lines > 1) dropped.push(lines)
      },
    },
    scratch: join(folder, 'scratch'),
    memoryMb,
  })

  return {
    pools,
    deployed: first,
    logged,
    dropped,
    complaints,
    wall: found,
    scratch: join(folder, 'scratch'),
    async deploy({ sources: functions, ...change }) {
      if (!functions) return { ...first, ...change }
      return { ...first, buildSid: await makeBuild(functions), functions: versionsOf(functions), ...change }
    },
    async call(path, { json, form, headers = {}, ...how } = {}) {
      const text = json === undefined ? form : JSON.stringify(json)
      const type = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json'
      const outcome = await pools.invoke({
        deployed: first,
        path,
        requestSid: 'RQ1',
        method: 'POST',
        headers: { ...(text !== undefined && { 'content-type': type }), ...headers },
        query: '',
        body: Buffer.from(text ?? ''),
        domainName: 'lab-1234-dev.localhost:8080',
        accountSid: first.accountSid,
        ...how,
      })
      const answered = outcome.outcome === 'answered' ? outcome : undefined
      const { headers: sent = [], body: bytes = new Uint8Array(0) } = answered ?? {}
      return {
        outcome: outcome.outcome,
        reason: 'reason' in outcome ? outcome.reason : undefined,
        status: answered?.status,
        headers: sent,
        header: (name) => sent.find(([key]) => key.toLowerCase() === name)?.[1],
        bytes,
        text: Buffer.from(bytes).toString(),
      }
    },
    async close() {
      await pools.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
