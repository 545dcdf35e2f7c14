import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { chmod, chown, copyFile, readdir, stat } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Secret } from '../../secret.ts'
import type { Wall } from '../wall/wall.ts'
import { checkRoom } from './disk-room.ts'
import { BuildFailure } from './failure.ts'
import { sizeOf } from './folder-size.ts'

export interface NpmWorld {
  wall: Wall
  clock: Clock
  /** What npm may know of the server's environment. */
  environment: Secret<Readonly<Record<string, string>>>
  /** All that npm writes: its cache, and the folders that it works in. */
  home: string
  /** Ends what is under way. */
  closing: AbortSignal
}

/** What npm has fetched: it grows, and may be removed while none runs. */
export const cacheOf = (home: string) => join(home, 'cache')

/** Unpacked. */
const MAX_MB = 250
const MB = 1024 * 1024
const MEASURE_MS = 3_000
const MAX_ERROR_LENGTH = 4_000

/** Nothing of a package runs, and nothing comes from anywhere but the registry. */
const FLAGS = [
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--no-update-notifier',
  '--omit=dev',
  '--package-lock',
  '--loglevel=error',
  '--fetch-retries=2',
  '--fetch-timeout=30000',
  // Other nodes may have another mirror of it.
  '--omit-lockfile-registry-resolved',
  ...['git', 'remote', 'file', 'directory'].map((kind) => `--allow-${kind}=none`),
]

/**
 * Runs npm in a folder below `home`, behind the wall but with the network. Throws BuildFailure where it fails, is not
 * there, takes longer than until `deadlineMs`, or fetches too much for us or for the disk; another error where the server
 * closes.
 */
export async function runNpm(
  world: NpmWorld,
  command: 'install' | 'ci',
  folder: string,
  deadlineMs: number,
): Promise<void> {
  const { wall, clock, home } = world
  const given = world.environment.reveal()
  const program = findNpm(given.PATH ?? '')
  if (program === undefined)
    throw new BuildFailure('Dependencies need npm, and the server finds none on its PATH')
  await checkRoom(home, MAX_MB * MB)
  const argv = [process.execPath, program, command, ...FLAGS, `--prefix=${folder}`]
  const readable = [dirname(dirname(program))]
  const wrapped = wall.wrap(argv, { readable, writable: home, keeps: true, network: true })
  // Behind the wall it may be another user.
  const { uid, gid } = await stat(home)
  for (const path of [folder, ...(await readdir(folder)).map((name) => join(folder, name))])
    await chown(path, uid, gid)
  const child = spawn(wrapped.command, wrapped.args, {
    cwd: home,
    env: await composeEnvironment(given, home),
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: world.closing,
    killSignal: 'SIGKILL',
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, MAX_ERROR_LENGTH)
  })
  let failure: unknown
  const stop = (why: unknown) => {
    failure ??= why
    child.kill('SIGKILL')
  }
  const cancelTimeout = clock.after(Math.max(0, deadlineMs - clock.now()), () =>
    stop(new BuildFailure('Installing the dependencies took too long')),
  )
  const cancelMeasure = measure(clock, folder, stop)
  try {
    const status = await new Promise<number | null>((resolve, reject) =>
      child.once('error', reject).once('close', resolve),
    )
    if (failure !== undefined) throw failure
    if (status !== 0) throw new BuildFailure(explain(complaint))
  } finally {
    cancelTimeout()
    cancelMeasure()
  }
  await checkSize(folder)
}

async function checkSize(folder: string): Promise<void> {
  if ((await sizeOf(folder)) > MAX_MB * MB)
    throw new BuildFailure(`The dependencies are larger than ${MAX_MB} MB`)
}

/** Calls `stop` once a folder holds too much, or npm has filled the disk otherwise: with its cache. */
function measure(clock: Clock, folder: string, stop: (why: unknown) => void): () => void {
  let cancel = () => {}
  let isOver = false
  const next = () => {
    cancel = clock.after(MEASURE_MS, async () => {
      await Promise.all([checkSize(folder), checkRoom(folder, 0)]).then(() => isOver || next(), stop)
    })
  }
  next()
  return () => {
    isOver = true
    cancel()
  }
}

/** The program itself, not the links and scripts that lead to it. */
function findNpm(path: string): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, 'npm'))
    .filter((file) => file.startsWith('/') && existsSync(file))
    .map((file) => realpathSync(file))
    .find((file) => basename(file) === 'npm-cli.js')
}

/** Certificates are copied to where npm can read them. */
async function composeEnvironment(
  given: Readonly<Record<string, string>>,
  home: string,
): Promise<Record<string, string>> {
  const { PATH: _, ...environment }: Record<string, string> = given
  for (const [name, value] of Object.entries(environment)) {
    if (!/^(NODE_EXTRA_CA_CERTS|npm_config_cafile)$/i.test(name) || !existsSync(value)) continue
    const copy = join(home, `${name.toLowerCase()}.pem`)
    await copyFile(value, copy)
    await chmod(copy, 0o644)
    environment[name] = copy
  }
  return {
    ...environment,
    HOME: home,
    npm_config_cache: cacheOf(home),
    npm_config_userconfig: join(home, 'npmrc'),
  }
}

/** The first lines in which npm says what is wrong, on one. */
function explain(complaint: string): string {
  const lines = complaint
    .split('\n')
    .map((line) => line.replace(/^npm (?:error|ERR!)\s*(?:\d{3}\b)?/, '').trim())
    .filter((line) => line !== '' && !/^(code|errno|A complete log|npm warn)\b/i.test(line))
  // What might be installed instead, which no build may.
  const advice = lines.findIndex((line) => line.startsWith('Note that'))
  const told = advice < 0 ? lines : lines.slice(0, advice)
  return `npm: ${told.slice(0, 3).join('; ').slice(0, 500) || 'it failed without a word'}`
}
