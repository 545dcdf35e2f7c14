import { openStorage } from '../context.ts'
import { migrate } from '../storage/migrate.ts'
import { readConfig, type Shell } from './shell.ts'

/** Brings the database to this version's tables, as the server does when it starts; prints what it ran. */
export async function migrateDatabase(shell: Shell): Promise<number> {
  const storage = await openStorage(await readConfig(shell))
  try {
    const names = await migrate(storage)
    for (const name of names) shell.out(name)
    if (names.length === 0) shell.err('The database is up to date.')
    return 0
  } finally {
    await storage.close()
  }
}
