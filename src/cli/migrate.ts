import type { Config } from '../config.ts'
import { openStorage } from '../context.ts'
import { migrate } from '../storage/migrate.ts'
import { askRunning } from './ask.ts'
import { type PrintOptions, print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Brings the database to this version's tables, as the server does when it starts; prints what it ran. */
export async function migrateDatabase(shell: Shell, options: PrintOptions): Promise<number> {
  const config = await readConfig(shell)
  // One that serves has brought them there, and on SQLite has the database open.
  const isServed = (await askRunning(config.dataDir, 'account-list', undefined)) !== undefined
  const names = isServed ? [] : await migrateStored(config)
  print(shell, options, names, (list) => list)
  if (names.length === 0) shell.err('The database is up to date.')
  return 0
}

async function migrateStored(config: Config): Promise<string[]> {
  const storage = await openStorage(config)
  return migrate(storage).finally(() => storage.close())
}
