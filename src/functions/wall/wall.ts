import { execFile } from 'node:child_process'
import { accessSync, chownSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Random } from '../../clock.ts'
import { type Config, isLoopback } from '../../config.ts'
import { type Box, composeCommand, isWithin, type Masonry, TOOLS, type Tools } from './command.ts'

/** What keeps the code of customers away from the rest of the machine. */
export interface Wall {
  kind: 'namespaces' | 'uid' | 'none'
  /** Why nothing of customers' may run here; undefined where it may. */
  refusal: string | undefined
  /** What is in force, and what is missing. */
  describe(): string
  /**
   * The command line that runs `argv` behind the wall, in the folder `writable`; where there is none, `argv` itself.
   * SIGKILL to what it starts ends all of it; so does the end of this process. May give `writable` to another user.
   */
  wrap(argv: readonly string[], box: Box): { command: string; args: string[] }
}

const TOOL_FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin']
/** Where programs and what they link are. Nothing of /etc, /home, /run, /var. */
const SYSTEM_FOLDERS = ['/usr', '/lib', '/lib64']
/** Users that no system gives out: one for each child, so that what the kernel counts by user is counted by child. */
const FIRST_UID = 1_900_000_000
const UIDS = 100_000_000
const PROBE_MS = 10_000
const PROBE = 'require("node:fs").readFileSync(process.argv[1])'

export type Kind = Exclude<Wall['kind'], 'none'>
const KINDS: Record<Kind, string> = {
  uid: 'each in name-spaces of its own, as a user of its own',
  namespaces: 'each in name-spaces of its own',
}

/**
 * Finds the strongest wall that this machine allows, by building it once. `folder` is for what it needs itself, `kinds`
 * are to be tried in turn.
 */
export async function openWall(
  config: Pick<Config, 'functionsIsolation' | 'host'>,
  folder: string,
  random: Random,
  // To much of the machine, root in a user name-space is still root.
  kinds: readonly Kind[] = process.getuid?.() === 0 ? ['uid'] : ['namespaces'],
): Promise<Wall> {
  const wall = await findWall(folder, random, kinds)
  const isolation = config.functionsIsolation ?? (isLoopback(config.host) ? 'best' : 'required')
  if (wall.kind !== 'none' || isolation === 'best') return wall
  return { ...wall, refusal: `Functions do not run here: ${wall.describe()}` }
}

async function findWall(folder: string, random: Random, kinds: readonly Kind[]): Promise<Wall> {
  if (process.platform !== 'linux') return openNone('only Linux has what it is made of')
  const tools: Partial<Record<(typeof TOOLS)[number], string>> = {}
  for (const tool of TOOLS) {
    const path = TOOL_FOLDERS.map((place) => join(place, tool)).find(isExecutable)
    if (path === undefined) return openNone(`${tool} of util-linux is not installed`)
    tools[tool] = path
  }
  const system = outermost([
    ...SYSTEM_FOLDERS,
    ...Object.values(tools).map((tool) => dirname(tool)),
    dirname(process.execPath),
  ])
  // Those are shown to every child.
  if (isWithin(folder, new Set(system))) return openNone(`${folder} lies in a folder of the system`)
  const root = join(folder, 'root')
  await mkdir(root, { recursive: true, mode: 0o700 })
  const faults: string[] = []
  for (const proc of [true, false]) {
    for (const kind of kinds) {
      const wall = build(kind, { tools: tools as Tools, root, system, proc }, random)
      const fault = await probe(wall, folder)
      if (fault === undefined) return wall
      faults.push(fault)
    }
  }
  // The weakest of them says best what is missing.
  return openNone(faults[kinds.length - 1] ?? '')
}

function openNone(missing: string): Wall {
  return {
    kind: 'none',
    refusal: undefined,
    describe: () => `no wall (${missing})`,
    wrap: ([command = '', ...args]) => ({ command, args }),
  }
}

function build(kind: Kind, masonry: Masonry, random: Random): Wall {
  let users = random.int(UIDS)
  return {
    kind,
    refusal: undefined,
    describe: () => `${KINDS[kind]}${masonry.proc ? '' : ', without /proc'}`,
    wrap(argv, box) {
      const uid = kind === 'uid' ? { uid: own(box.writable, () => FIRST_UID + (users++ % UIDS)) } : {}
      const system = box.network ? outermost([...masonry.system, ...networkFolders()]) : masonry.system
      const [command = '', ...args] = composeCommand(argv, box, { ...masonry, ...uid, system })
      return { command, args }
    },
  }
}

/** The user behind the wall that a folder belongs to; one of ours is given away. */
function own(folder: string, nextUid: () => number): number {
  const { uid } = statSync(folder)
  if (uid >= FIRST_UID && uid < FIRST_UID + UIDS) return uid
  const next = nextUid()
  chownSync(folder, next, next)
  return next
}

/** Undefined where a program runs behind this wall and can read what we are made of, else what went wrong. */
async function probe(wall: Wall, folder: string): Promise<string | undefined> {
  const writable = await mkdtemp(join(folder, 'probe-'))
  const box = { readable: [import.meta.dirname], writable, keeps: false, network: false }
  try {
    const { command, args } = wall.wrap([process.execPath, '-e', PROBE, import.meta.filename], box)
    await promisify(execFile)(command, args, { timeout: PROBE_MS, killSignal: 'SIGKILL', env: {} })
    return undefined
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    // The message of a command that failed is the whole command.
    if (stderr === undefined) return message
    return stderr.trim().split('\n')[0] || 'a program behind it came to a bad end'
  } finally {
    await rm(writable, { recursive: true })
  }
}

/** What a program needs to find other machines, and to know them. How to ask for names is often a link into /run. */
const networkFolders = () =>
  ['/etc/hosts', '/etc/resolv.conf']
    .filter((path) => existsSync(path))
    .flatMap((path) => ['/etc', dirname(realpathSync(path))])

/** Those that exist and do not lie in another. */
function outermost(folders: readonly string[]): string[] {
  const present = new Set(folders.filter((path) => existsSync(path)))
  return [...present].filter((path) => !isWithin(dirname(path), present))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
