import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import pg from 'pg'
import type { Clock, Random } from '../../src/clock.ts'
import { openPostgres } from '../../src/storage/postgres.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import type { Observe, Storage } from '../../src/storage/storage.ts'

export interface Engine {
  name: Storage['engine']
  /** Opens an empty database of its own; gone after the run. */
  open(observe?: Observe): Promise<Storage>
}

export const random: Random = { bytes: (length) => randomBytes(length), int: (max) => randomInt(max) }
/** For storage that needs no time to pass: the daily work never comes. */
export const stillClock: Clock = { now: () => 0, after: () => () => {} }

/** A directory of the test file that calls; gone after the run. */
export function makeTemporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const postgresUrl = process.env.TEST_DATABASE_URL

const sqlite = (directory: string): Engine => ({
  name: 'sqlite',
  open: (observe) =>
    openSqlite(join(directory, `${randomBytes(6).toString('hex')}.db`), {
      clock: stillClock,
      ...(observe && { observe }),
    }),
})

const postgres = (url: string): Engine => ({
  name: 'postgres',
  async open(observe) {
    const schema = `test_${randomBytes(6).toString('hex')}`
    await runOn(url, `create schema ${schema}`)
    after(() => runOn(url, `drop schema ${schema} cascade`))
    const own = new URL(url)
    own.searchParams.set('options', `-c search_path=${schema}`)
    return openPostgres(own.href, { random, ...(observe && { observe }) })
  },
})

async function runOn(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}

/** SQLite, and PostgreSQL when TEST_DATABASE_URL names one. */
export const engines: readonly Engine[] = [
  sqlite(makeTemporaryDirectory()),
  ...(postgresUrl ? [postgres(postgresUrl)] : []),
]
