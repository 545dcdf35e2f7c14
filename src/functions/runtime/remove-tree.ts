import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Removes a folder that customers wrote in, if it is there. Paths in it may be longer than the system takes, and folders
 * may be closed to us: the programs of the system go down step by step, and open what they find.
 */
export const removeTree = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true }).catch(async () => {
    await run('chmod', ['-R', 'u+rwx', folder])
    await run('rm', ['-rf', folder])
  })
