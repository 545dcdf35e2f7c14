import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** For its owner only. */
export const makeFile = (path: string) => closeSync(openSync(path, 'a', 0o600))

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
