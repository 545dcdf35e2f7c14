import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import type { Bundle } from '../builds/bundle.ts'
import type { Egress } from '../egress.ts'
import type { Wall } from '../wall/wall.ts'
import { innermostOf } from './memory.ts'
import { installProgram } from './program.ts'

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
  /** The number of the last invocation that it has begun. */
  readProgress(): number
  /** To be called once, when it has been ended: takes away what it had. */
  clear(): void
}

export interface Launcher {
  /** Starts a process for functions of an account. Throws where none may run. */
  launch(bundle: Bundle, accountSid: string): Promise<Launched>
}

/** The heap within the memory of a function: the rest is Node itself, and buffers. */
const HEAP_MB = 192

/** Prepares what children need below `scratch`, and clears away what those of an earlier server left. */
export async function openLauncher(scratch: string, ground: Ground): Promise<Launcher> {
  const homes = join(scratch, 'tmp')
  const trust = join(scratch, 'trust')
  const [program] = await Promise.all([installProgram(scratch), rm(homes, { recursive: true, force: true })])
  await Promise.all([mkdir(homes, { recursive: true }), mkdir(trust, { recursive: true })])
  const caFile = join(trust, 'root.pem')
  await writeFile(caFile, ground.egress.rootPem)

  return {
    async launch(bundle, accountSid) {
      if (ground.wall.refusal !== undefined) throw new Error(ground.wall.refusal)
      const home = await mkdtemp(join(homes, 'c'))
      const egress = join(home, '.out')
      const door = await ground.egress.listen(egress, accountSid)
      const progress = openProgress(home)
      const readable = [program, trust, bundle.dir, ...(bundle.modules === null ? [] : [bundle.modules])]
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
      const { command, args } = ground.wall.wrap(node, { readable, writable: home, network: false })
      const child = spawn(command, args, {
        cwd: home,
        env: environmentOf(home, caFile),
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', progress],
      })
      const clear = () => {
        door.close()
        closeSync(progress)
        const removeHome = () => void rm(home, { recursive: true, force: true })
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) removeHome()
        else child.once('exit', removeHome)
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
        readProgress: () => readNumber(progress),
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

/** A file without a name: nobody can put another in its place. */
function openProgress(home: string): number {
  const path = join(home, '.progress')
  const file = openSync(path, 'wx+')
  rmSync(path)
  return file
}

function readNumber(file: number): number {
  const bytes = Buffer.alloc(4)
  readSync(file, bytes, 0, bytes.length, 0)
  return bytes.readUInt32LE()
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
  } catch {
    // It is gone already.
  }
}
