import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import type { Bundle } from '../builds/bundle.ts'
import type { Egress } from '../egress.ts'
import { SCRATCH_MB } from '../wall/command.ts'
import type { Wall } from '../wall/wall.ts'
import { innermostOf, storedBytes } from './memory.ts'
import { installProgram } from './program.ts'
import { openProgress, type Progress } from './progress.ts'

/** What all children of this server have in common. */
export interface Ground {
  wall: Wall
  /** Their only way out. */
  egress: Pick<Egress, 'rootPem' | 'listen'>
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

/** Prepares what children need below `scratch`, and clears away what those of an earlier server left. */
export async function openLauncher(scratch: string, ground: Ground): Promise<Launcher> {
  const places = join(scratch, 'tmp')
  const trust = join(scratch, 'trust')
  const [program] = await Promise.all([installProgram(scratch), rm(places, { recursive: true, force: true })])
  await mkdir(places, { recursive: true })
  await makeReadable(trust)
  const caFile = join(trust, 'root.pem')
  await writeFile(caFile, ground.egress.rootPem)
  await chmod(caFile, 0o644)

  return {
    async launch(bundle, accountSid) {
      if (ground.wall.refusal !== undefined) throw new Error(ground.wall.refusal)
      const place = await mkdtemp(join(places, 'c'))
      // Apart from the server's socket: what a child writes lies elsewhere, where there is a wall.
      const [home, out] = [join(place, 'tmp'), join(place, 'out')]
      const [progress] = await Promise.all([openProgress(place), mkdir(home), makeReadable(out)])
      const egress = join(out, 'proxy')
      const door = await ground.egress.listen(egress, accountSid).catch((error: unknown) => {
        // As where the folder's name is longer than a socket's may be.
        progress.close()
        throw error
      })
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
      const clear = () => {
        door.close()
        progress.close()
        const removePlace = () => void rm(place, { recursive: true, force: true })
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) removePlace()
        else child.once('exit', removePlace)
      }
      if (child.pid === undefined) {
        const [error] = await once(child, 'error')
        clear()
        throw error
      }
      const { pid } = child
      yieldToServer(pid)
      return {
        process: child,
        egress,
        clear,
        hasBegun: progress.hasBegun,
        storedBytes: (innerPid) =>
          ground.wall.kind === 'none' ? 0 : (storedBytes(innerPid, home) ?? SCRATCH_MB * MB),
        async findPid() {
          const inner = ground.wall.kind === 'none' ? pid : await innermostOf(pid)
          // It may have been made before its parent was told.
          yieldToServer(inner)
          return inner
        },
      }
    },
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
    setPriority(pid, constants.priority.PRIORITY_LOW)
    // Behind the wall it has a session of its own. Where sessions share the processor, each alike, the priority of a
    // process counts within its session only: this is that of the session.
    const share = (of: number | 'self') => `/proc/${of}/autogroup`
    if (readFileSync(share(pid), 'latin1') !== readFileSync(share('self'), 'latin1'))
      writeFileSync(share(pid), String(constants.priority.PRIORITY_LOW))
  } catch {
    // It is gone already, or sessions do not share.
  }
}
