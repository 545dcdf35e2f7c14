import { readFile } from 'node:fs/promises'
import { type Config, loadConfig } from '../config.ts'

/** What a command is given of the process it runs in. */
export interface Shell {
  env: NodeJS.ProcessEnv
  cwd: string
  /** Writes one line of what was asked for. */
  out(line: string): void
  /** Writes one line for the person, apart from what was asked for. */
  err(line: string): void
}

/** Throws ConfigError. */
export function readConfig({ env, cwd }: Shell): Promise<Config> {
  return loadConfig(env, cwd, (path) => readFile(path, 'utf8'))
}

/**
 * Resolves to the command's exit status. What an operator can mend (configuration, a port or a file in use, a database
 * that is not there) is one line and status 1; a bug is thrown on, with its stack.
 */
export async function run(shell: Shell, command: (shell: Shell) => Promise<number>): Promise<number> {
  try {
    return await command(shell)
  } catch (error) {
    if (!(error instanceof Error) || isBug(error)) throw error
    shell.err(`countersign: ${explain(error)}`)
    return 1
  }
}

const isBug = (error: Error) =>
  [TypeError, ReferenceError, RangeError, SyntaxError].some((type) => error instanceof type)

/** The error's message and those of its causes. An error of several connection tries has a code only. */
export function explain(error: Error & { code?: string }): string {
  const message = error.message || error.code || error.name
  return error.cause instanceof Error ? `${message}: ${explain(error.cause)}` : message
}
