import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bed } from './database.ts'
import { type Deployed, deploy } from './deploy.ts'
import { type Result, runLoad } from './load.ts'
import { median } from './measure.ts'
import { descendantsOf, processOf } from './processes.ts'
import { processorMs, ROOT, startAt, startBareFunction, startCountersign, type Target } from './target.ts'

const CONNECTIONS = 64
/** Of twilio-run as it comes: each request starts a process. */
const FORKING_CONNECTIONS = 4
/** What stands around a child needs less, the child more. */
const WRAPPER_MB = 10
const CREDENTIALS = { USERNAME: 'twilio', PASSWORD: 'ahoy!' }
const BASIC = `Basic ${Buffer.from('twilio:ahoy!').toString('base64')}`
const PROGRAMS = {
  hello: `${ROOT}/bench/programs/hello.js`,
  basic: `${ROOT}/examples/functions/basic-auth/functions/basic.js`,
  client: `${ROOT}/bench/programs/client.js`,
}
const TOOLKIT = `${ROOT}/test/toolkit/node_modules`

export interface FunctionsResult {
  warm: WarmRow[]
  starts: StartRow[]
  memory: MemoryRow
}

/** Of one program, by one server. */
interface WarmRow {
  program: string
  by: string
  connections: number
  perSecond: number
  ofBare: number
  p50Ms: number
  p99Ms: number
  /** Over one connection. */
  aloneP50Ms: number
  aloneP99Ms: number
  /** Processor time of a request, where the system tells it: of the server, and of what it started. */
  serverMicros: number
  childMicros: number
  rounds: Round[]
}

/** From a request that finds no child to its answer. */
interface StartRow {
  program: string
  ms: number
  /** From the start of a bare server to where it listens, in turn. */
  bareMs: number
  rounds: { ms: number; bareMs: number }[]
}

/** The most that was seen while 64 connections asked for the hello-world. */
interface MemoryRow {
  serverMb: number
  children: number
  /** All of them, what they share counted for each. */
  childrenMb: number
}

interface Round {
  many: Result
  alone: Result
  serverMicros: number
  childMicros: number
}

interface Contender {
  by: string
  target: Target
  host?: string
  connections: number
}

/** In rounds: each contender has its turn in each of them. */
export async function measureFunctions(
  bed: Bed,
  { count, seconds, starts }: { count: number; seconds: number; starts: number },
): Promise<FunctionsResult> {
  const server = await startCountersign(bed)
  const sources = Object.entries(PROGRAMS).map(([name, file]) => [`/${name}`, readFileSync(file, 'utf8')])
  const deployed = await deploy(server, Object.fromEntries(sources), CREDENTIALS)
  const bare = await startBareFunction()
  const project = makeProject()
  const run = (...flags: string[]) =>
    startAt(
      (port) => [`${TOOLKIT}/.bin/twilio-run`, 'start', '--port', `${port}`, ...flags],
      project,
      '/hello',
    )
  const forkless = await run('--no-fork-process')
  const forking = await run()
  const own = { by: 'Countersign', target: server, host: deployed.host, connections: CONNECTIONS }
  const contenders: Contender[] = [
    { by: 'bare `node:http`', target: bare, connections: CONNECTIONS },
    own,
    { by: '`twilio-run --no-fork-process`', target: forkless, connections: CONNECTIONS },
    { by: '`twilio-run`', target: forking, connections: FORKING_CONNECTIONS },
  ]
  const warm: WarmRow[] = []
  for (const program of ['hello', 'basic'])
    warm.push(...(await measureWarm(program, contenders, count, seconds)))
  const result = {
    warm,
    memory: await measureMemory(own, seconds),
    starts: [
      await measureStart('hello', server, deployed, starts),
      await measureStart('client', server, deployed, starts),
    ],
  }
  for (const target of [server, bare, forkless, forking]) await target.stop()
  rmSync(project, { recursive: true })
  return result
}

/** The same files as a project of the official toolkit. Resolves to its folder. */
function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  for (const [name, file] of Object.entries(PROGRAMS)) cpSync(file, join(folder, 'functions', `${name}.js`))
  writeFileSync(join(folder, 'package.json'), '{"name":"bench","version":"0.0.0"}')
  const lines = Object.entries(CREDENTIALS).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(join(folder, '.env'), lines.join(''))
  symlinkSync(TOOLKIT, join(folder, 'node_modules'))
  return folder
}

async function measureWarm(
  program: string,
  contenders: Contender[],
  count: number,
  seconds: number,
): Promise<WarmRow[]> {
  const rounds = contenders.map((): Round[] => [])
  // Once before, so that code is compiled and children have started.
  for (let round = -1; round < count; round++) {
    for (const [i, contender] of contenders.entries()) {
      console.log(`${program}, ${contender.by}`)
      const measured = await measureRound(program, contender, seconds)
      if (round >= 0) rounds[i]?.push(measured)
    }
  }
  return contenders.map(({ by, connections }, i) => {
    const own = rounds[i] ?? []
    const of = (figure: (round: Round) => number) => median(own.map(figure))
    return {
      program,
      by,
      connections,
      perSecond: of(({ many }) => many.perSecond),
      ofBare: median(
        own.map(({ many }, n) => many.perSecond / (rounds[0]?.[n]?.many.perSecond ?? Number.NaN)),
      ),
      p50Ms: of(({ many }) => many.p50Ms),
      p99Ms: of(({ many }) => many.p99Ms),
      aloneP50Ms: of(({ alone }) => alone.p50Ms),
      aloneP99Ms: of(({ alone }) => alone.p99Ms),
      serverMicros: of(({ serverMicros }) => serverMicros),
      childMicros: of(({ childMicros }) => childMicros),
      rounds: own,
    }
  })
}

async function measureRound(program: string, contender: Contender, seconds: number): Promise<Round> {
  const { target, connections } = contender
  const spent = () => ({
    serverMs: processorMs(target),
    childMs: sum(descendantsOf(target.child.pid), (child) => child.processorMs),
  })
  const before = spent()
  const many = await load(program, contender, connections, seconds)
  const after = spent()
  return {
    many,
    alone: await load(program, contender, 1, seconds / 2),
    serverMicros: ((after.serverMs - before.serverMs) / many.requests) * 1000,
    // Less where some have ended meanwhile.
    childMicros: (Math.max(0, after.childMs - before.childMs) / many.requests) * 1000,
  }
}

async function measureMemory(contender: Contender, seconds: number): Promise<MemoryRow> {
  console.log('memory')
  const { pid } = contender.target.child
  const seen: MemoryRow[] = []
  const timer = setInterval(() => {
    const children = descendantsOf(pid).filter(({ residentMb }) => residentMb > WRAPPER_MB)
    seen.push({
      serverMb: processOf(pid)?.residentMb ?? Number.NaN,
      children: children.length,
      childrenMb: sum(children, ({ residentMb }) => residentMb),
    })
  }, 100)
  await load('hello', contender, CONNECTIONS, seconds)
  clearInterval(timer)
  const most = (of: (row: MemoryRow) => number) => Math.max(...seen.map(of))
  return {
    serverMb: most(({ serverMb }) => serverMb),
    children: most(({ children }) => children),
    childrenMb: most(({ childrenMb }) => childrenMb),
  }
}

const load = (program: string, { target, host }: Contender, connections: number, seconds: number) =>
  runLoad({
    url: target.url,
    host,
    authorization: () => BASIC,
    connections,
    next: () => ({ path: `/${program}`, form: '' }),
    seconds,
  })

const sum = <T>(all: readonly T[], of: (one: T) => number) => all.reduce((total, one) => total + of(one), 0)

async function measureStart(
  program: string,
  { url }: Target,
  { host, renew }: Deployed,
  count: number,
): Promise<StartRow> {
  console.log(`start of ${program}`)
  const rounds: StartRow['rounds'] = []
  for (let round = 0; round < count; round++) {
    await renew()
    const ms = await time(() => ask(`${url}/${program}`, host))
    rounds.push({ ms, bareMs: await time(startBareFunction, (target) => target.stop()) })
  }
  return {
    program,
    ms: median(rounds.map(({ ms }) => ms)),
    bareMs: median(rounds.map(({ bareMs }) => bareMs)),
    rounds,
  }
}

/** Milliseconds that something takes, without what is done with it afterwards. */
async function time<T>(work: () => Promise<T>, after?: (made: T) => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  const made = await work()
  const ms = performance.now() - startedMs
  await after?.(made)
  return ms
}

/** Resolves when it is answered with 200. */
function ask(url: string, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host }, agent: false }, (reply) => {
      reply.resume()
      if (reply.statusCode !== 200) reject(new Error(`${url} answered ${reply.statusCode}`))
      reply.once('end', resolve)
    })
      .once('error', reject)
      .end()
  })
}
