import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../clock.ts'
import { makeFile, takeLock } from './lock.ts'
import { backupSqlite } from './sqlite-backup.ts'
import { createCheckpointer, LOG_BYTES } from './sqlite-checkpoint.ts'
import { toStorageError } from './sqlite-error.ts'
import { createThread } from './sqlite-thread.ts'
import { createWriter } from './sqlite-writer.ts'
import { createStatementCache, type Ready } from './statement.ts'
import { type Access, Fragment, type Observe, type Read, type Storage, type Value } from './storage.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const mark = () => '?'

/**
 * Opens the database file, makes it if need be, and owns it until `close`: a second process is refused.
 * Writes go through one connection that groups them, reads through another, `scan` runs on a thread.
 */
export async function openSqlite(
  path: string,
  { clock, observe }: { clock: Clock; observe?: Observe },
): Promise<Storage> {
  const lock = lockDatabase(path)
  const db = openOwned(path, lock)
  // After the writer: a read-only handle cannot make the shared-memory file.
  const reading = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  // Caches of 8 and 32 MB: beyond them the system's own serves as well, and memory is counted (docs/performance.md).
  reading.exec('pragma temp_store=memory; pragma cache_size=-8192')

  const checkpointer = createCheckpointer(path, db)
  const writer = createWriter(db, checkpointer.committed)
  const scanner = createThread(path, true)
  const cancelOptimize = optimizeDaily(db, clock)

  function access(system: boolean): Access {
    const observed = <S>(prepare: (text: string) => S) =>
      createStatementCache(mark, (text) => {
        observe?.(text, system)
        return prepare(text)
      })
    const onWriter = observed((text) => db.prepare(text))
    const onReader = observed((text) => reading.prepare(text))
    const onScanner = observed((text) => text)
    return {
      read: readOn(
        onReader,
        (statement, args) => statement.get(...args),
        (statement, args) => statement.all(...args),
      ),
      scan: readOn(
        onScanner,
        (text, args) => scanner.call('get', text, args),
        (text, args) => scanner.call('all', text, args),
      ),
      write: (unit) => writer.write(unit, onWriter),
    }
  }

  const system = access(true)
  return {
    ...access(false),
    engine: 'sqlite',
    forUpdate: new Fragment(''),
    system,
    writeSlowly: system.write,
    backup: (to) => backupSqlite(path, to),
    async ping() {
      const row = await system.read.get<{
        ms: number
      }>`select cast(unixepoch('subsec') * 1000 as integer) as ms`
      return row?.ms ?? 0
    },
    async close() {
      cancelOptimize()
      await writer.close()
      await Promise.all([scanner.close(), checkpointer.close()])
      reading.close()
      db.close()
      lock.close()
    },
  }
}

/** The right to open a database file, until `close`. Throws where another process has it. */
export function lockDatabase(path: string): { close(): void } {
  const lock = takeLock(`${path}.lock`)
  if (lock) return lock
  const advice = 'stop it first, or give this one another file: one process owns a SQLite database'
  throw new Error(`${path} is in use by another process; ${advice}`)
}

function openOwned(path: string, lock: { close(): void }): DatabaseSync {
  try {
    return openWriting(path)
  } catch (cause) {
    lock.close()
    throw new Error(`${path} cannot be opened as the database`, { cause })
  }
}

function openWriting(path: string): DatabaseSync {
  // SQLite gives its side files the mode of the database.
  makeFile(path)
  const db = new DatabaseSync(path, { timeout: 5000 })
  const mode = db.prepare('pragma journal_mode=wal').get()
  if (mode?.journal_mode !== 'wal') throw new Error(`${path}: its file system cannot hold a write-ahead log`)
  // busy_timeout 0: SQLite's own wait would hold up the event loop; the writer waits without.
  db.exec(`pragma synchronous=full; pragma foreign_keys=on; pragma temp_store=memory; pragma cache_size=-32768;
           pragma wal_autocheckpoint=0; pragma journal_size_limit=${LOG_BYTES}; pragma busy_timeout=0`)
  return db
}

function optimizeDaily(db: DatabaseSync, clock: Clock): () => void {
  let cancel = () => {}
  const optimize = () => {
    try {
      db.exec('pragma optimize')
    } catch {
      // Statistics only: another process has the lock, or the disk is full. Tomorrow again.
    }
    cancel = clock.after(DAY_MS, optimize)
  }
  optimize()
  return () => cancel()
}

type Run<S> = (statement: S, args: Ready<S>['args']) => unknown

function readOn<S>(
  find: (strings: TemplateStringsArray, values: Value[]) => Ready<S>,
  get: Run<S>,
  all: Run<S>,
): Read {
  const read = async (run: Run<S>, strings: TemplateStringsArray, values: Value[]) => {
    try {
      const { statement, args } = find(strings, values)
      return await run(statement, args)
    } catch (error) {
      throw toStorageError(error)
    }
  }
  return {
    get: <R>(strings: TemplateStringsArray, ...values: Value[]) =>
      read(get, strings, values) as Promise<R | undefined>,
    all: <R>(strings: TemplateStringsArray, ...values: Value[]) => read(all, strings, values) as Promise<R[]>,
  }
}
