import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { openStorage } from '../context.ts'
import { Refusal } from '../refusal.ts'
import { compareTables } from '../storage/migrate.ts'

/** Throws Refusal where no server of this version has been started yet: only that makes and changes an installation. */
export async function requireTables(config: Config): Promise<void> {
  const tables = await compareStored(config)
  if (tables === 'empty') {
    const where = config.databaseUrl ? 'the database of DATABASE_URL' : config.dataDir
    throw new Refusal(`there is nothing in ${where} yet: start the server once`)
  }
  if (tables === 'older') {
    throw new Refusal(
      'the database has the tables of an older version: start the server, or run countersign migrate',
    )
  }
}

async function compareStored(config: Config) {
  // Opening SQLite would make the file.
  if (!config.databaseUrl && !existsSync(join(config.dataDir, 'countersign.db'))) return 'empty'
  const storage = await openStorage(config)
  return compareTables(storage).finally(() => storage.close())
}
