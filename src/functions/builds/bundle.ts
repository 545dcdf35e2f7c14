import { chmod, mkdir, readdir, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { Context } from '../../context.ts'
import { readContent } from '../contents.ts'
import type { DeployedVersion } from '../deployed.ts'
import { isDeployed } from '../environments/store.ts'
import { exists } from '../exists.ts'
import type { Dependency } from './dependencies.ts'
import { checkRoom } from './disk-room.ts'
import { BuildFailure } from './failure.ts'
import type { Modules } from './install.ts'

/** A build on this machine's disk, ready to run. */
export interface Bundle {
  /** Absolute; holds `functions/<path>.js`, `assets/<path>` (the private ones only) and a link to `node_modules`. */
  dir: string
  /** The folder that holds `node_modules`, absolute; null without dependencies. */
  modules: string | null
}

/** What a bundle is made of. */
export interface Bundled {
  accountSid: string
  buildSid: string
  functions: ReadonlyMap<string, DeployedVersion>
  assets: ReadonlyMap<string, DeployedVersion>
  /** As JSON text: `[{name,version}]`. */
  dependencies: string
  /** What its dependencies resolved to; null without any to install. */
  lock: string | null
}

export interface Bundles {
  /** Makes what is not there. Throws BuildFailure where a path cannot be a file, or a package cannot be installed. */
  ensure(build: Bundled): Promise<Bundle>
}

export interface KeptBundles extends Bundles {
  /** Removes those that run nowhere any more. */
  prune(): Promise<void>
}

/** Shorter than a client waits for an answer would leave no time for a large package. */
const INSTALL_MS = 120_000
/** One that is deployed in a moment is not to be made again. */
const UNUSED_MS = 3_600_000
const MAX_NAME_BYTES = 255

/** `folder` is the server's scratch folder for Functions. */
export async function openBundles(
  { storage, clock }: Pick<Context, 'storage' | 'clock'>,
  folder: string,
  modules: Modules,
): Promise<KeptBundles> {
  const [bundles, unfinished] = [join(folder, 'bundles'), join(folder, 'unfinished')]
  // What a server that was killed left half.
  await rm(unfinished, { recursive: true, force: true })
  for (const path of [bundles, unfinished]) await mkdir(path, { recursive: true, mode: 0o700 })
  const underWay = new Map<string, Promise<Bundle>>()

  async function make(build: Bundled): Promise<Bundle> {
    const dependencies: Dependency[] = JSON.parse(build.dependencies)
    const deadlineMs = clock.now() + INSTALL_MS
    const installed =
      dependencies.length > 0 ? await modules.ensure(dependencies, build.lock, deadlineMs) : null
    const dir = join(bundles, `${build.accountSid}.${build.buildSid}`)
    if (!(await exists(dir))) {
      const draft = join(unfinished, build.buildSid)
      await rm(draft, { recursive: true, force: true })
      await write(draft, build, installed && relative(dir, join(installed, 'node_modules')))
      await rename(draft, dir)
    }
    return { dir, modules: installed }
  }

  async function write(draft: string, build: Bundled, link: string | null): Promise<void> {
    const files = listFiles(build)
    await checkRoom(
      unfinished,
      [...files.values()].reduce((sum, { size }) => sum + size, 0),
    )
    // Whatever a package.json further up says.
    await put(join(draft, 'package.json'), '{"type":"commonjs"}')
    if (link !== null) await symlink(link, join(draft, 'node_modules'))
    for (const [file, { path, hash }] of files) {
      const content = await readContent(storage.read, build.accountSid, hash)
      if (!content) throw new BuildFailure(`The content of ${path} is gone`)
      await put(join(draft, file), content).catch((error: NodeJS.ErrnoException) => {
        if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(error.code ?? '')) throw error
        throw new BuildFailure(`${path} cannot be a file: another path begins with it, or it is too long`)
      })
    }
  }

  return {
    ensure(build) {
      const running = underWay.get(build.buildSid)
      if (running) return running
      const made = make(build).finally(() => underWay.delete(build.buildSid))
      underWay.set(build.buildSid, made)
      return made
    },

    async prune() {
      const used = new Set<string>()
      for (const name of await readdir(bundles)) {
        const [dir, [accountSid = '', buildSid = '']] = [join(bundles, name), name.split('.')]
        const { mtimeMs } = await stat(dir)
        const isOld = mtimeMs < clock.now() - UNUSED_MS
        if (isOld && !(await isDeployed(storage.read, accountSid, buildSid)))
          await rm(dir, { recursive: true })
        else used.add(await modulesOf(dir))
      }
      await modules.prune(used)
    },
  }
}

/** Where a bundle's packages are, as `Modules` calls them. */
const modulesOf = (dir: string) =>
  readlink(join(dir, 'node_modules')).then(
    (link) => dirname(resolve(dir, link)),
    () => '',
  )

/** By where they lie in the bundle. Throws BuildFailure for a path that leads out of it. */
function listFiles({ functions, assets }: Bundled): Map<string, DeployedVersion> {
  const files = new Map<string, DeployedVersion>()
  for (const version of functions.values()) files.set(`functions${checkPath(version.path)}.js`, version)
  for (const version of assets.values()) {
    if (version.visibility === 'private') files.set(`assets${checkPath(version.path)}`, version)
  }
  return files
}

function checkPath(path: string): string {
  const [first, ...names] = path.split('/')
  const isName = (name: string) =>
    !['', '.', '..'].includes(name) && !name.includes('\0') && Buffer.byteLength(name) <= MAX_NAME_BYTES
  if (first !== '' || names.length === 0 || !names.every(isName))
    throw new BuildFailure(`${JSON.stringify(path)} cannot be the path of a file`)
  return path
}

/** Readable for the user that functions run as, whatever this process keeps from others. */
async function put(path: string, content: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path))
  await writeFile(path, content, { flag: 'wx' })
  await chmod(path, 0o644)
}

async function makeFolder(path: string): Promise<void> {
  if (await exists(path)) return
  await makeFolder(dirname(path))
  await mkdir(path)
  await chmod(path, 0o755)
}
