import { execFile } from 'node:child_process'
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PIPE_BYTES } from './protocol.ts'

/** A pipe in which a child leaves the last byte of the number of each invocation that it begins. */
export interface Progress {
  /** To be handed to the child. */
  descriptor: number
  /** Whether this is the last that it has begun. */
  hasBegun(number: number): boolean
  close(): void
}

/** Makes it in a folder. A file would do, if a child could not fill the disk through it. */
export async function openProgress(folder: string): Promise<Progress> {
  const path = join(folder, 'progress')
  // Node makes no pipe that can be read without waiting for an event, nor after its writer is gone.
  await promisify(execFile)('mkfifo', ['-m', '600', path])
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  rmSync(path)
  let last = 0
  return {
    descriptor,
    hasBegun(number) {
      const bytes = Buffer.allocUnsafe(PIPE_BYTES)
      try {
        last = bytes[readSync(descriptor, bytes) - 1] ?? last
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      }
      return last === number % 256
    },
    close: () => closeSync(descriptor),
  }
}
