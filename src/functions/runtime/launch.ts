import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import type { Log } from '../../log.ts'
import type { Bundle } from '../builds/bundle.ts'
import type { Egress } from '../egress.ts'
import { SCRATCH_MB } from '../wall/command.ts'
import type { Wall } from '../wall/wall.ts'
import { innermostOf, storedBytes } from './memory.ts'
import { installProgram } from './program.ts'
import { openProgress, type Progress } from './progress.ts'
import { removeTree } from './remove-tree.ts'

/** What all children of this server have in common. */
export interface Ground {
  wall: Wall
  /** Their only way out. */
  egress: Pick<Egress, 'rootPem' | 'listen'>
  log: Pick<Log, 'warn' | 'error'>
}

export interface Launched {
  /** Its descriptors are those of the protocol. */
  process: ChildProcess
  /** Of the process that runs functions, which may be a child of that one. To be asked once it runs. */
  findPid(): Promise<number>
  /** The unix socket that leads out. */
  egress: string
  hasBegun: Progress['hasBegun']
  /** Of the memory, for the files that it wrote; all that they may take, where the system does not tell. */
  storedBytes(pid: number): number
  /** To be called once, when it has been ended: takes away what it had. */
  clear(): void
}

export interface Launcher {
  /** Starts a process for functions of an account. Throws where none may run. */
  launch(bundle: Bundle, accountSid: string): Promise<Launched>
}

/** The heap within the memory of a function: the rest is Node itself, and buffers. */
const HEAP_MB = 192
const MB = 1024 * 1024
/** That any system takes as the name of a unix socket. */
const MAX_SOCKET_BYTES = 103
/** Below a server's scratch folder: of the sockets that a child makes for itself. */
const LONGEST_SOCKET = join('tmp', 'c'.padEnd(7, 'x'), 'tmp', '.gate-9999')

/** Why no Function can run with such a scratch folder; undefined where they can. */
export function refuseLongPath(scratch: string): string | undefined {
  const tooMany = Buffer.byteLength(join(scratch, LONGEST_SOCKET)) - MAX_SOCKET_BYTES
  if (tooMany <= 0) return undefined
  return `the path of the data directory has to be shorter by ${tooMany} bytes: below it are the sockets of Functions`
}

/** Prepares what children need below `scratch`, and clears away what those of an earlier server left. */
export async function openLauncher(scratch: string, ground: Ground): Promise<Launcher> {
  const refusal = refuseLongPath(scratch)
  if (refusal !== undefined) throw new Error(refusal)
  const places = join(scratch, 'tmp')
  const trust = join(scratch, 'trust')
  const remove = (folder: string) =>
    removeTree(folder).catch((err: unknown) =>
      ground.log.warn({ err }, 'What a Function wrote cannot be removed'),
    )
  const [program] = await Promise.all([installProgram(scratch), remove(places)])
  await mkdir(places, { recursive: true })
  await makeReadable(trust)
  const caFile = join(trust, 'root.pem')
  await writeFile(caFile, ground.egress.rootPem)
  await chmod(caFile, 0o644)

  return {
    async launch(bundle, accountSid) {
      if (ground.wall.refusal !== undefined) throw new Error(ground.wall.refusal)
      const place = await mkdtemp(join(places, 'c'))
      const opened: { close(): void }[] = []
      try {
        return await launchIn(place, opened, bundle, accountSid)
      } catch (error) {
        for (const one of opened) one.close()
        await remove(place)
        throw error
      }
    },
  }

  async function launchIn(
    place: string,
    opened: { close(): void }[],
    bundle: Bundle,
    accountSid: string,
  ): Promise<Launched> {
    // Apart from the server's socket: what a child writes lies elsewhere, where there is a wall.
    const [home, out] = [join(place, 'tmp'), join(place, 'out')]
    await Promise.all([mkdir(home), makeReadable(out)])
    const progress = await openProgress(place)
    opened.push(progress)
    const egress = join(out, 'proxy')
    opened.push(await ground.egress.listen(egress, accountSid))
    const readable = [program, trust, out, bundle.dir, ...(bundle.modules === null ? [] : [bundle.modules])]
    const node = [
      process.execPath,
      // A seat belt, not the wall: it stops what no function needs, and says so in words that developers understand.
      '--permission',
      ...(ALLOW_NET ? ['--allow-net'] : []),
      ...[...readable, home].map((path) => `--allow-fs-read=${path}`),
      `--allow-fs-write=${home}`,
      `--max-old-space-size=${HEAP_MB}`,
      '--disable-warning=ExperimentalWarning',
      join(program, 'child', 'main.js'),
    ]
    const { command, args } = ground.wall.wrap(node, {
      readable,
      writable: home,
      keeps: false,
      network: false,
    })
    const child = spawn(command, args, {
      cwd: home,
      env: environmentOf(home, caFile),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', progress.descriptor],
    })
    if (child.pid === undefined) throw (await once(child, 'error'))[0]
    const { pid } = child
    yieldToServer(pid)
    return {
      process: child,
      egress,
      hasBegun: progress.hasBegun,
      storedBytes: (innerPid) =>
        ground.wall.kind === 'none' ? 0 : (storedBytes(innerPid, home) ?? SCRATCH_MB * MB),
      async findPid() {
        const inner = ground.wall.kind === 'none' ? pid : await innermostOf(pid)
        // It may have been made before its parent was told.
        yieldToServer(inner)
        return inner
      },
      clear() {
        for (const one of opened) one.close()
        const removePlace = () => void remove(place)
        if (child.exitCode !== null || child.signalCode !== null) removePlace()
        else child.once('exit', removePlace)
      },
    }
  }
}

/** Earlier versions of Node have no such permission, and refuse to start with the name of it. */
const ALLOW_NET = process.allowedNodeEnvironmentFlags.has('--allow-net')

/** Children may run as another user, and the server under a strict umask. */
async function makeReadable(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
}

/** Nothing of the server's own; the variables of the environment come later, when they can no longer steer Node. */
function environmentOf(home: string, caFile: string): NodeJS.ProcessEnv {
  return {
    TMPDIR: home,
    HOME: home,
    NODE_EXTRA_CA_CERTS: caFile,
  }
}

/** Where the processor does not suffice for all, verifications go first. */
function yieldToServer(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
    // Behind the wall it has a session of its own. Where sessions share the processor, each alike, the priority of a
    // process counts within its session only: this is that of the session.
    const share = (of: number | 'self') => `/proc/${of}/autogroup`
    if (readFileSync(share(pid), 'latin1') !== readFileSync(share('self'), 'latin1'))
      writeFileSync(share(pid), String(constants.priority.PRIORITY_BELOW_NORMAL))
  } catch {
    // It is gone already, or sessions do not share.
  }
}
