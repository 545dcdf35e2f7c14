import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config.ts'
import { explainFile } from '../config-values.ts'
import type { Finding } from '../operations/doctor.ts'

/** A commit of SQLite waits for one: beyond this the disk sets the pace. */
const SLOW_SYNC_MS = 10
const SYNCS = 21

/** Writes there as the server would, or where it would make the directory; leaves nothing of it. */
export async function examineDataDirectory({ dataDir, databaseUrl }: Config): Promise<Finding[]> {
  const what = 'data directory'
  const mode = await modeOf(dataDir)
  const isThere = mode !== undefined
  try {
    const syncMs = isThere ? await measureSyncs(dataDir) : await tryBeside(await nearestAbove(dataDir))
    const disk = databaseUrl ? [] : [tellDisk(syncMs)]
    if (!isThere)
      return [{ what, state: 'ok', detail: `${dataDir} will be made at the first start` }, ...disk]
    if ((mode & 0o077) === 0) return [{ what, state: 'ok', detail: dataDir }, ...disk]
    const detail = `${dataDir} is open to other users of this machine`
    return [{ what, state: 'warning', detail, advice: `chmod 700 ${dataDir}` }, ...disk]
  } catch (error) {
    const reason = explainFile(error as NodeJS.ErrnoException)
    const detail = `${dataDir} ${isThere ? 'cannot be written to' : 'cannot be made'} (${reason})`
    const advice = 'name a folder that the server may write to in COUNTERSIGN_DATA_DIR'
    return [{ what, state: 'problem', detail, advice }]
  }
}

/** The permissions of a file or folder; undefined where there is none. */
export const modeOf = (path: string) =>
  stat(path).then(
    ({ mode }) => mode,
    () => undefined,
  )

async function nearestAbove(path: string): Promise<string> {
  const above = dirname(path)
  try {
    await stat(above)
    return above
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return nearestAbove(above)
  }
}

async function tryBeside(folder: string): Promise<number> {
  const made = await mkdtemp(join(folder, 'countersign-doctor-'))
  return measureSyncs(made).finally(() => rm(made, { recursive: true, force: true }))
}

/** How long a write takes until the disk has it: the median, in ms. */
async function measureSyncs(folder: string): Promise<number> {
  const path = join(folder, 'doctor.tmp')
  const file = await open(path, 'w', 0o600)
  const times: number[] = []
  try {
    for (let i = 0; i < SYNCS; i++) {
      const startedAt = performance.now()
      await file.write(Buffer.alloc(4_096, i))
      await file.datasync()
      times.push(performance.now() - startedAt)
    }
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
  return times.sort((a, b) => a - b)[SYNCS >> 1] ?? 0
}

function tellDisk(syncMs: number): Finding {
  const isSlow = syncMs > SLOW_SYNC_MS
  return {
    what: 'disk',
    state: isSlow ? 'warning' : 'ok',
    detail: `a write is on the disk after ${syncMs.toFixed(2)} ms`,
    ...(isSlow && { advice: 'each answer waits for one: put the data directory on a faster disk' }),
  }
}
