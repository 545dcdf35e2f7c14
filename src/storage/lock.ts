import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * For its owner only. One that is there is not opened: a process that closes a file loses all locks it has on it, those
 * of other parts of it among them.
 */
export function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

const SQLITE_BUSY = 5

/**
 * A lock until `close`. The kernel holds it for this process, so that it goes with the process however that ends; the
 * file stays. Undefined where another process has it, or another part of this one.
 */
export function takeLock(file: string): { close(): void } | undefined {
  makeFile(file)
  const lock = new DatabaseSync(file)
  try {
    lock.exec('begin exclusive')
    return lock
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined
    throw error
  }
}
