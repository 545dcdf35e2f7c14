import { join, resolve } from 'node:path'
import type { Config } from '../config.ts'
import { systemClock, systemRandom } from '../context.ts'
import { makeDataDirectory } from '../data-directory.ts'
import { sealedColumns } from '../operations/sealed-columns.ts'
import { Refusal } from '../refusal.ts'
import { checkKeys } from '../storage/installation.ts'
import { compareVersion } from '../storage/migrate.ts'
import { lockDatabase } from '../storage/sqlite.ts'
import { inspectBackup, listKeyIds, restoreSqlite } from '../storage/sqlite-backup.ts'
import { ask } from './ask.ts'
import { type PrintOptions, print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Copies the SQLite database into a file, while the server serves. */
export async function backUp(shell: Shell, options: PrintOptions, file: string): Promise<number> {
  const made = await ask(await readConfig(shell), 'backup', { path: resolve(shell.cwd, file) })
  print(shell, options, made, ({ path, bytes, ms }) => [`${path}  ${bytes} bytes, ${ms} ms`])
  const keys = made.sealed_with
  shell.err(
    `Its secrets are sealed with master key ${keys.join(' and ')}: keep a copy of ${keys.length > 1 ? 'each' : 'that'}, but not beside it.`,
  )
  return 0
}

/** Puts a backup in the place of the database. Checks the file and that this node's keys open it; no server may run. */
export async function restore(
  shell: Shell,
  options: PrintOptions & { force?: boolean },
  file: string,
): Promise<number> {
  const config = await readConfig(shell)
  if (config.databaseUrl)
    throw new Refusal('this is for SQLite: restore PostgreSQL with pg_restore, docs/backup.md')
  const path = join(config.dataDir, 'countersign.db')
  const from = resolve(shell.cwd, file)
  await makeDataDirectory(config.dataDir)
  const lock = lockDatabase(path)
  const replace = options.force ?? false
  const { tables, kept } = await checkAndReplace(config, from, path, replace).finally(() => lock.close())
  print(shell, options, { path, kept }, () => [path])
  if (kept) shell.err(`What was there is kept as ${kept}`)
  if (tables === 'older') {
    shell.err('An older version made it: the next start brings its tables up to date.')
    return 0
  }
  await ask({ ...config, rates: undefined }, 'backup-restored', { from, kept }).catch((cause) => {
    throw new Error('it is restored, but no event tells of it', { cause })
  })
  return 0
}

async function checkAndReplace(config: Config, from: string, path: string, replace: boolean) {
  const backup = inspectBackup(from)
  const tables = await compareVersion(backup.version)
  const keyIds = await listKeyIds(from, sealedColumns())
  await checkKeys({ ...backup, keyIds }, { ...config, random: systemRandom })
  const kept = await restoreSqlite(from, path, { replace, nowMs: systemClock.now() })
  return { tables, kept: kept ?? null }
}
