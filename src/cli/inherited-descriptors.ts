import { closeSync, readdirSync, readFileSync } from 'node:fs'

const PROC = '/proc/self'
/** Of Linux: an open file that programs started from here do not get. */
const O_CLOEXEC = 0o2000000

/**
 * Closes what the program that started this one left open: every child would have it too, the Functions' behind their
 * wall among them, and an open folder leads out of any wall. Does nothing where there is no `/proc`.
 *
 * Node and its libraries mark all that they open; a number that is not marked came from outside.
 */
export function closeInheritedDescriptors(): void {
  for (const name of listDescriptors()) {
    const descriptor = Number(name)
    if (descriptor > 2 && isHandedOn(name)) closeSync(descriptor)
  }
}

function listDescriptors(): string[] {
  try {
    return readdirSync(`${PROC}/fd`)
  } catch {
    return []
  }
}

function isHandedOn(name: string): boolean {
  try {
    const [, flags = ''] = /^flags:\s*(\d+)/m.exec(readFileSync(`${PROC}/fdinfo/${name}`, 'utf8')) ?? []
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
  } catch {
    // The one that listed the folder is gone by now.
    return false
  }
}
