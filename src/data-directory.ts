import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigError, explainFile, quote } from './config-values.ts'

/**
 * Makes the data directory, and what is missing above it, for its owner only; one that is there stays as it is.
 * Throws ConfigError where there can be none.
 */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await makeFolder(path)
    await access(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'none can be made there' : explainFile(error as NodeJS.ErrnoException)
    throw new ConfigError(
      `COUNTERSIGN_DATA_DIR is ${quote(path)}: must be a folder to write in, or the name of a new one (${reason})`,
    )
  }
}

/** Not `mkdir` with `recursive`: that tries for ever where a parent is there and takes no folder, such as /proc. */
async function makeFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (found?.isDirectory()) return
  if (found) throw Object.assign(new Error('not a folder'), { code: 'EEXIST' })
  await makeFolder(dirname(path))
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // Another process was faster.
    if (error.code !== 'EEXIST') throw error
  })
}
