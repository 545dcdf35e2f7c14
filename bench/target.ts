import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processOf } from './processes.ts'

export const ROOT = `${import.meta.dirname}/..`
export const ACCOUNT_SID = `AC${'a'.repeat(32)}`
const AUTH_TOKEN = 'b'.repeat(32)
export const AUTHORIZATION = `Basic ${Buffer.from(`${ACCOUNT_SID}:${AUTH_TOKEN}`).toString('base64')}`

/** A server process under test. */
export interface Target {
  url: string
  child: ChildProcess
  stop(): Promise<void>
}

export interface Database {
  dataDir: string
  /** Without it: SQLite in the data directory. */
  url?: string | undefined
}

/** What npm needs to know of this machine, to install the packages of Functions. */
const FOR_NPM = /^(PATH|NODE_EXTRA_CA_CERTS|(https?|all|no)_proxy|npm_config_.+)$/i

export const settings = ({ dataDir, url }: Database): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => FOR_NPM.test(name))),
  PORT: '0',
  COUNTERSIGN_DATA_DIR: dataDir,
  COUNTERSIGN_ACCOUNT_SID: ACCOUNT_SID,
  COUNTERSIGN_AUTH_TOKEN: AUTH_TOKEN,
  ...(url && { DATABASE_URL: url }),
})

/** Starts a server, its log in the data directory, and resolves when it has printed where it listens. */
async function start(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<Target> {
  const logFile = join(env.COUNTERSIGN_DATA_DIR ?? tmpdir(), 'bench.log')
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, { env, cwd: ROOT, stdio: ['ignore', 'pipe', log] })
  closeSync(log)
  const kill = () => child.kill()
  process.once('exit', kill)
  let said = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      said += chunk
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said)
      if (found) resolve(found[0])
    })
    child.once('exit', () =>
      reject(
        new Error(`${command} ${args.join(' ')} ended: ${said}${readFileSync(logFile, 'utf8').slice(-500)}`),
      ),
    )
  })
  return {
    url,
    child,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      process.off('exit', kill)
    },
  }
}

/** Starts a program that listens at the port it is given, and resolves when it answers a path with 200. */
export async function startAt(args: (port: number) => string[], cwd: string, path: string): Promise<Target> {
  const port = await findFreePort()
  const child = spawn(process.execPath, args(port), { cwd, stdio: 'ignore' })
  const kill = () => child.kill()
  process.once('exit', kill)
  while ((await statusOf(port, path)) !== 200) {
    if (child.exitCode !== null) throw new Error(`${args(port).join(' ')} ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      process.off('exit', kill)
    },
  }
}

export const startRaw = () => start(process.execPath, ['bench/raw.ts'], {})
export const startBareFunction = () => start(process.execPath, ['bench/bare-function.ts'], {})
export const startCountersign = (database: Database) => start('script/server', [], settings(database))
export const startWithoutCarrier = (database: Database) =>
  start(process.execPath, ['bench/without-carrier.ts'], settings(database))

export const startWithSwitch = (database: Database) =>
  start(process.execPath, ['bench/with-switch.ts'], settings(database))

/** Processor time that a process took so far; 0 where the system does not tell. */
export const processorMs = ({ child }: Target) => processOf(child.pid)?.processorMs ?? 0

/** Peak memory of a process in MB, where the system tells it. */
export function peakMemoryMb({ child }: Target): number | undefined {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
    return Number(kilobytes) / 1024
  } catch {
    return undefined
  }
}

/** Milliseconds from the start of the process to its first 200: any, and the first of an operation. */
export async function timeStart(args: string[], database: Database, serviceSid: string) {
  const port = await findFreePort()
  const startedMs = performance.now()
  const child = spawn(process.execPath, args, {
    env: { ...settings(database), PORT: String(port) },
    stdio: 'ignore',
  })
  const until = async (path: string) => {
    while ((await statusOf(port, path)) !== 200) await new Promise((resolve) => setTimeout(resolve, 2))
    return performance.now() - startedMs
  }
  const healthMs = await until('/healthz')
  const operationMs = await until(`/v2/Services/${serviceSid}`)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  return { healthMs, operationMs }
}

/** 0 where nobody answers. */
function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request(
      { port, path, host: '127.0.0.1', headers: { authorization: AUTHORIZATION } },
      (reply) => {
        reply.resume()
        reply.on('end', () => resolve(reply.statusCode ?? 0))
      },
    )
    asked.on('error', () => resolve(0))
    asked.end()
  })
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return typeof address === 'object' && address ? address.port : 0
}
