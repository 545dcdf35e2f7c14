import { statfs } from 'node:fs/promises'
import { BuildFailure } from './failure.ts'

/** What builds leave free on the disk, which the database may need. */
const RESERVE_BYTES = 512 * 1024 * 1024

/** Throws BuildFailure where the disk of a folder has no room for so many bytes more. */
export async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < RESERVE_BYTES + bytes)
    throw new BuildFailure('There is too little room left on the disk of the server')
}
