import { openStorage } from '../context.ts'
import { migrate } from '../storage/migrate.ts'
import { type PrintOptions, print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Brings the database to this version's tables, as the server does when it starts; prints what it ran. */
export async function migrateDatabase(shell: Shell, options: PrintOptions): Promise<number> {
  const storage = await openStorage(await readConfig(shell))
  try {
    const names = await migrate(storage)
    print(shell, options, names, (list) => list)
    if (names.length === 0) shell.err('The database is up to date.')
    return 0
  } finally {
    await storage.close()
  }
}
