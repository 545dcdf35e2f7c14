import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Skips a test, by name, where a program is not installed; in CI it runs all the same, and fails. */
export function needs(...programs: string[]): { skip: string | false } {
  const missing = programs.filter((program) => !isInstalled(program))
  return { skip: missing.length > 0 && process.env.CI !== 'true' && `needs ${missing.join(', ')}` }
}

/** The same for Debian's twilio-python, whose interpreter may not be the first of the PATH. */
export function needsPythonTwilio(): { skip: string | false } {
  const found = spawnSync('/usr/bin/python3', ['-c', 'import twilio']).status === 0
  return { skip: !found && process.env.CI !== 'true' && 'needs python3-twilio' }
}

function isInstalled(program: string): boolean {
  if (program.startsWith('/')) return isExecutable(program)
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, program)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
