import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dependency } from './dependencies.ts'
import { sizeOf } from './folder-size.ts'
import { refuseNative } from './native.ts'
import { cacheOf, type NpmWorld, runNpm } from './npm.ts'
import { composePackage, RUNTIME_HANDLER } from './requirements.ts'

/** Installed packages on this machine's disk, shared by all builds that resolved to the same. */
export interface Modules {
  /**
   * Finds the versions that the ranges mean today, and installs them. Resolves to the lock that says which; null where
   * there was nothing to install. Throws BuildFailure.
   */
  resolve(dependencies: readonly Dependency[], deadlineMs: number): Promise<string | null>
  /** The folder that holds `node_modules` as a lock says, installed if it is not there. Throws BuildFailure. */
  ensure(dependencies: readonly Dependency[], lock: string | null, deadlineMs: number): Promise<string>
  /** Removes what was not used for long and is not in the list, and a cache of npm's that has grown too large. */
  prune(used: ReadonlySet<string>): Promise<void>
  /** Ends what npm is doing, and lets it begin nothing more: who waits for it gets an error that is no BuildFailure. */
  close(): void
}

/** For so long the versions that a set of ranges meant are not asked for again. */
const FRESH_MS = 3_600_000
const UNUSED_MS = 7 * 86_400_000
const MAX_AT_ONCE = 2
const MAX_CACHE_BYTES = 1024 ** 3
/** What folders are called that npm is at work in. */
const WORK = 'work-'

interface Resolved {
  atMs: number
  lock: string
}

/** `folder` is the server's scratch folder for Functions. */
export async function openModules(
  folder: string,
  base: Pick<NpmWorld, 'wall' | 'clock' | 'environment'>,
): Promise<Modules> {
  const closing = new AbortController()
  const world = { ...base, home: join(folder, 'npm'), closing: closing.signal }
  const [installed, locks] = [join(folder, 'modules'), join(folder, 'locks')]
  for (const path of [world.home, installed, locks]) await mkdir(path, { recursive: true, mode: 0o700 })
  // What a server that was killed left half.
  for (const name of await readdir(world.home))
    if (name.startsWith(WORK)) await rm(join(world.home, name), { recursive: true })
  const inTurn = limit(MAX_AT_ONCE)
  const underWay = new Map<string, Promise<string>>()
  let works = 0
  let atWork = 0

  /** Has npm fill a new folder, and hands that to `keep`; whatever is left of it goes. */
  async function install<T>(
    files: Readonly<Record<string, string>>,
    command: 'install' | 'ci',
    deadlineMs: number,
    keep: (made: string) => Promise<T>,
  ): Promise<T> {
    const made = join(world.home, WORK + works++)
    atWork++
    try {
      await mkdir(made)
      for (const [name, text] of Object.entries(files)) await writeFile(join(made, name), text)
      await inTurn(() => runNpm(world, command, made, deadlineMs))
      return await keep(made)
    } finally {
      atWork--
      await rm(made, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  /** In one step, so that nobody finds it half. */
  async function keepModules(made: string, lock: string): Promise<string> {
    await refuseNative(made, lock)
    await addStub(made)
    const target = join(installed, hashOf(lock))
    await chmod(made, 0o755)
    await rename(made, target).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
    return target
  }

  async function restore(text: string | undefined, lock: string | null, deadlineMs: number): Promise<string> {
    const target = join(installed, hashOf(lock ?? ''))
    if (await touch(target, world.clock.now())) return target
    if (text !== undefined && lock !== null) {
      const files = { 'package.json': text, 'package-lock.json': lock }
      return install(files, 'ci', deadlineMs, (made) => keepModules(made, lock))
    }
    await addStub(target)
    return target
  }

  return {
    async resolve(dependencies, deadlineMs) {
      const text = composePackage(dependencies)
      if (text === undefined) return null
      const memo = join(locks, `${hashOf(text)}.json`)
      // One that a crash left half is as good as none.
      const known: Resolved | undefined = await readFile(memo, 'utf8')
        .then(JSON.parse)
        .catch(() => undefined)
      if (known && known.atMs > world.clock.now() - FRESH_MS) return known.lock
      const lock = await install({ 'package.json': text }, 'install', deadlineMs, async (made) => {
        const lock = await readFile(join(made, 'package-lock.json'), 'utf8')
        await keepModules(made, lock)
        return lock
      })
      const resolved: Resolved = { atMs: world.clock.now(), lock }
      await writeFile(memo, JSON.stringify(resolved))
      return lock
    },

    ensure(dependencies, lock, deadlineMs) {
      const key = hashOf(lock ?? '')
      const running = underWay.get(key)
      if (running) return running
      const begun = restore(composePackage(dependencies), lock, deadlineMs).finally(() =>
        underWay.delete(key),
      )
      underWay.set(key, begun)
      return begun
    },

    async prune(used) {
      const nowMs = world.clock.now()
      await removeOld(installed, nowMs - UNUSED_MS, used)
      await removeOld(locks, nowMs - FRESH_MS)
      const cache = cacheOf(world.home)
      if (atWork === 0 && (await sizeOf(cache)) > MAX_CACHE_BYTES) await rm(cache, { recursive: true })
    },

    close: () => closing.abort(),
  }
}

/** Removes what was not used since a time, but for what is in the list. */
async function removeOld(
  folder: string,
  beforeMs: number,
  used: ReadonlySet<string> = new Set(),
): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (!used.has(path) && (await stat(path)).mtimeMs < beforeMs) await rm(path, { recursive: true })
  }
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** Marks a folder as used. Resolves to false where there is none. */
async function touch(path: string, nowMs: number): Promise<boolean> {
  try {
    await utimes(path, nowMs / 1000, nowMs / 1000)
    return true
  } catch {
    return false
  }
}

/** The package that stands for the platform's runtime. Another may have brought the real one. */
async function addStub(folder: string): Promise<void> {
  const path = join(folder, 'node_modules', RUNTIME_HANDLER)
  await mkdir(path, { recursive: true })
  const manifest = {
    name: RUNTIME_HANDLER,
    version: '2.1.0',
    description: 'Countersign is the runtime',
    main: 'index.js',
  }
  await writeFile(join(path, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(path, 'index.js'), '')
}

/** Runs so many at once; the rest waits for its turn. */
function limit(most: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return async <T>(run: () => Promise<T>): Promise<T> => {
    if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
