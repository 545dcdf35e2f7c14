import { readdir, readFile } from 'node:fs/promises'
import { Clause, type Storage, type Tx } from './storage.ts'

interface Migration {
  version: number
  name: string
}

const OWN_MIGRATIONS = new URL('./migrations/', import.meta.url)
/** Any number, the same on all nodes: the key of the advisory lock. */
const LOCK_KEY = 7_206_815_311

/**
 * Brings the database to the newest migration of the directory, `NNNN-name.sql`, all or none; several nodes may start
 * at once. Resolves to the names it ran. Refuses a database that a newer version has migrated.
 *
 * The files are PostgreSQL text in the dialect both engines speak. A statement ends with `;` at a line's end, `--`
 * begins a comment, and no literal holds either.
 */
export async function migrate(storage: Storage, directory: URL | string = OWN_MIGRATIONS): Promise<string[]> {
  const known = await listMigrations(directory)
  const newest = known.at(-1)?.version ?? 0
  if (refuseNewer(await currentVersion(storage), newest) === newest) return []

  const texts = new Map<number, string>()
  for (const { version, name } of known) texts.set(version, await readFile(fileIn(directory, name), 'utf8'))

  return storage.writeSlowly(async (tx) => {
    if (storage.engine === 'postgres') await lockOthersOut(tx)
    await run(
      tx,
      translate(
        'create table if not exists migration (version bigint primary key, name text not null)',
        storage,
      ),
    )
    const row = await tx.get<{ version: number }>`select coalesce(max(version), 0) as version from migration`
    const current = refuseNewer(row?.version ?? 0, newest)
    const pending = known.filter(({ version }) => version > current)
    for (const { version, name } of pending) {
      for (const statement of splitStatements(texts.get(version) ?? ''))
        await run(tx, translate(statement, storage))
      await tx.run`insert into migration (version, name) values (${version}, ${name})`
    }
    return pending.map(({ name }) => name)
  })
}

/** Whether the database has this version's tables; 'empty' where it has none at all. Throws for a newer one's. */
export const compareTables = async (storage: Storage) => compareVersion(await currentVersion(storage))

/** Whether tables that were brought to a migration are this version's. Throws for a newer one's. */
export async function compareVersion(current: number): Promise<'empty' | 'older' | 'current'> {
  const newest = (await listMigrations(OWN_MIGRATIONS)).at(-1)?.version ?? 0
  refuseNewer(current, newest)
  return current === 0 ? 'empty' : current < newest ? 'older' : 'current'
}

async function listMigrations(directory: URL | string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort()
  return names.map((name) => ({ version: Number(name.slice(0, 4)), name }))
}

const fileIn = (directory: URL | string, name: string) =>
  typeof directory === 'string' ? `${directory}/${name}` : new URL(name, directory)

/** 0 for an empty database. */
async function currentVersion(storage: Storage): Promise<number> {
  try {
    const row = await storage.system.read.get<{
      version: number
    }>`select max(version) as version from migration`
    return row?.version ?? 0
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code === '42P01' || /no such table/.test(message)) return 0
    throw error
  }
}

function refuseNewer(current: number, newest: number): number {
  if (current <= newest) return current
  throw new Error(
    `the database was migrated by a newer version (it is at ${current}, this version knows up to ${newest}): ` +
      'run that version, or restore a backup made before',
  )
}

/** Until the transaction ends. Waits longer than any other statement may: another node is migrating. */
async function lockOthersOut(tx: Tx): Promise<void> {
  await tx.get`select set_config('lock_timeout', '5min', true)`
  await tx.get`select pg_advisory_xact_lock(${LOCK_KEY})`
  await tx.get`select set_config('lock_timeout', '2s', true)`
}

const run = (tx: Tx, text: string) => tx.run`${new Clause([text], [])}`

function splitStatements(text: string): string[] {
  const statements = text.replace(/--.*$/gm, '').split(/;\s*$/m)
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '')
}

function translate(statement: string, { engine }: Storage): string {
  if (engine === 'postgres') return statement
  const text = statement.replace(/\bbigint\b/gi, 'integer').replace(/\bbytea\b/gi, 'blob')
  return /^create table\b/i.test(text) ? `${text} strict` : text
}
