import { constants } from 'node:fs'
import { access, copyFile, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Refusal } from '../refusal.ts'
import type { SealedColumn } from './reseal.ts'
import { copyDatabase } from './sqlite-copy.ts'
import { createThread } from './sqlite-thread.ts'

const SIDE_FILES = ['-wal', '-shm', '-journal']

/** While a backup is made the log may grow to this, or to the size of a database that is larger. */
const LEAST_LOG_BYTES = 2 ** 30

/**
 * Copies the database as it is at one instant into a file, for which it makes a place, while it serves. The file is
 * there whole or not at all, and is durable. Throws Refusal where there is one already.
 */
export async function backupSqlite(path: string, to: string): Promise<void> {
  if (await exists(to)) throw new Refusal(`${to} is there already: give the backup another name`)
  const unfinished = `${to}.unfinished`
  await removeDatabase(unfinished)
  // SQLite fills an empty file: so it is never readable by others.
  const empty = await open(unfinished, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(
      `${to} cannot be written (${error.code}): is there such a folder, and may the server write there?`,
    )
  })
  await empty.close()
  try {
    const { size } = await stat(path)
    await copyDatabase({ path, to: unfinished, maxLogBytes: Math.max(size, LEAST_LOG_BYTES) })
    await sync(unfinished)
    await rename(unfinished, to)
    await sync(dirname(to))
  } finally {
    await removeDatabase(unfinished)
  }
}

/** Side files first: one that is left alone would be taken for those of the next database of that name. */
async function removeDatabase(path: string): Promise<void> {
  for (const suffix of [...SIDE_FILES, '']) await rm(path + suffix, { force: true })
}

/**
 * The keys that what is sealed in a database file needs, each once; of an older version's file those columns that it has.
 * Reads the whole of it, on a thread of its own.
 */
export async function listKeyIds(
  path: string,
  columns: readonly Pick<SealedColumn, 'table' | 'column'>[],
): Promise<string[]> {
  const thread = createThread(path, true, { yielding: true })
  try {
    const there = await Promise.all(
      columns.map(({ table, column }) => thread.call('get', HAS_COLUMN, [table, column])),
    )
    const ids = columns
      .filter((_, i) => there[i] !== undefined)
      .map(({ table, column }) => `select ${keyIdIn(column)} as id from ${table} where ${column} is not null`)
    const rows = await thread.call('all', `${ids.join(' union ')} order by id`, [])
    return (rows as { id: string }[]).map(({ id }) => id)
  } finally {
    await thread.close()
  }
}

const HAS_COLUMN = 'select 1 from pragma_table_info(?) where name = ?'

/** As `sealedPrefix` of the vault puts it before each value: after the version. */
const keyIdIn = (column: string) => `lower(hex(substr(${column}, 2, 4)))`

/** What a restore has to know of a backup. */
export interface Backup {
  /** Of the newest migration in it. */
  version: number
  activeKeyId: string
  indexKey: Uint8Array
}

/** Reads the whole file. Throws Refusal for one that is damaged, or no database of ours. */
export function inspectBackup(path: string): Backup {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true })
    const damage = db.prepare('pragma integrity_check').all() as { integrity_check: string }[]
    if (damage[0]?.integrity_check !== 'ok')
      throw new Refusal(`${path} is damaged: ${damage[0]?.integrity_check}`)
    const found = db
      .prepare(
        `select (select max(version) from migration) as version, active_key_id as activeKeyId,
           index_key as indexKey from installation where id = 1`,
      )
      .get() as Backup | undefined
    if (!found) throw new Refusal(`${path} holds no installation`)
    return found
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(`${path} is not a backup of Countersign: ${(error as Error).message}`)
  } finally {
    db?.close()
  }
}

/**
 * Puts a copy of the backup in the place of the database, which no process may have open. Throws Refusal where there
 * is a database, unless it may be replaced: then it is kept beside, damaged or not, and the path of that resolved to.
 * From then on there is always one at the path, the old one or the backup, however this ends.
 */
export async function restoreSqlite(
  backup: string,
  path: string,
  { replace, nowMs }: { replace: boolean; nowMs: number },
): Promise<string | undefined> {
  const isThere = await exists(path)
  if (isThere && !replace) throw new Refusal(`${path} is there already: --force puts the backup in its place`)
  const kept = isThere ? `${path}.before-restore-${nowMs}` : undefined
  const unfinished = `${path}.unfinished`
  try {
    await copyFile(backup, unfinished)
    const file = await open(unfinished, 'r+')
    await file.chmod(0o600)
    await file.sync()
    await file.close()
    if (kept) await keep(path, kept)
    // The log of another database would be taken for this one's.
    for (const suffix of SIDE_FILES) await rm(path + suffix, { force: true })
    await rename(unfinished, path)
    await sync(dirname(path))
    return kept
  } finally {
    await rm(unfinished, { force: true })
  }
}

/** Gives a database a second name: in one file, or with its log where it is too damaged for that. */
async function keep(path: string, kept: string): Promise<void> {
  // First: SQLite deletes a log that it cannot read.
  for (const suffix of ['', ...SIDE_FILES]) {
    if (await exists(path + suffix)) await link(path + suffix, kept + suffix)
  }
  if (!takeInLog(path)) return
  for (const suffix of SIDE_FILES) await rm(kept + suffix, { force: true })
}

/** False for what SQLite cannot open or read. */
function takeInLog(path: string): boolean {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path)
    db.exec('pragma wal_checkpoint(truncate)')
    return true
  } catch {
    return false
  } finally {
    db?.close()
  }
}

const exists = (path: string) =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  )

async function sync(path: string): Promise<void> {
  const handle = await open(path)
  await handle.sync().finally(() => handle.close())
}
