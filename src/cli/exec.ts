import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { isatty } from 'node:tty'
import type { Clock, Random } from '../clock.ts'
import { openAuthority } from '../intercept/ca.ts'
import {
  type Environment,
  makeEnvironment,
  type RunningServer,
  writeTrustFiles,
} from '../intercept/environment.ts'
import { startProxy } from '../intercept/proxy.ts'
import { readUpstream } from '../intercept/upstream.ts'

export interface ExecWorld {
  dataDir: string
  environment: Environment
  clock: Clock
  random: Random
  /** The server that runs on `dataDir`; if none does, one that is started. */
  connectOrStart(): Promise<RunningServer>
}

/**
 * Runs a command whose requests to Twilio reach Countersign instead. Resolves to the exit status a shell would show:
 * the command's own, 128 + n if signal n ended it, 127 if it does not exist and 126 if it cannot be run. Throws ConfigError
 * where the environment names a proxy that `exec` cannot go through.
 */
export async function runExec(argv: readonly string[], world: ExecWorld): Promise<number> {
  const upstream = readUpstream(world.environment)
  const authority = await openAuthority(join(world.dataDir, 'ca'), world)
  const folder = await mkdtemp(join(tmpdir(), 'countersign-exec-'))
  try {
    const trust = await writeTrustFiles(folder, authority.rootPem, world.environment)
    const server = await world.connectOrStart()
    try {
      const proxy = await startProxy({ serverUrl: server.url, authority, upstream })
      try {
        return await runCommand(argv, makeEnvironment(world.environment, proxy.url, server, trust))
      } finally {
        await proxy.close()
      }
    } finally {
      await server.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const RELAYED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGQUIT'] as const
/** A terminal sends these to the command as well; twice, they would mean "stop at once" to many programs. */
const FROM_KEYBOARD: readonly string[] = ['SIGINT', 'SIGQUIT']

async function runCommand(argv: readonly string[], env: Environment): Promise<number> {
  const [command = '', ...args] = argv
  const child = spawn(command, args, { stdio: 'inherit', env })
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd))
  const relays = RELAYED.map((signal) => {
    const relay = () => {
      if (!hasTerminal || !FROM_KEYBOARD.includes(signal)) child.kill(signal)
    }
    process.on(signal, relay)
    return () => process.off(signal, relay)
  })
  try {
    return await new Promise<number>((resolve) => {
      child.on('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
      child.on('error', (error: NodeJS.ErrnoException) => {
        // It runs, but as somebody whom we may not send a signal.
        if (child.pid !== undefined) return
        const missing = error.code === 'ENOENT'
        process.stderr.write(
          `countersign exec: ${command}: ${missing ? 'not found' : `cannot be run (${error.code})`}\n`,
        )
        resolve(missing ? 127 : 126)
      })
    })
  } finally {
    for (const stop of relays) stop()
  }
}
