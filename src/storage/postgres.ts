import type {
  ClientConfig,
  CustomTypesConfig,
  DatabaseError,
  Pool,
  PoolClient,
  QueryConfig,
  QueryResult,
} from 'pg'
import type { Random } from '../clock.ts'
import { hold, readTogether } from './postgres-reads.ts'
import { createStatementCache, type Ready } from './statement.ts'
import {
  type Access,
  Fragment,
  type Observe,
  type Read,
  type Storage,
  StorageUnavailable,
  type Tx,
  type Unit,
  type Value,
} from './storage.ts'

type Statement = Pick<QueryConfig, 'name' | 'text'>
/** The driver takes it for a single query too, though its types do not say so. */
type TimeLimit = Pick<ClientConfig, 'query_timeout'>
type Find = (strings: TemplateStringsArray, values: Value[]) => Ready<Statement>
type Ask = (ready: Ready<Statement>) => Promise<QueryResult>

const CONNECTIONS = 16
/** A connection that has not answered for so long is dead, though nobody said so. Longer than the lock time-out. */
const TIMEOUT_MS = 5_000
const SCAN_TIMEOUT_MS = 60_000
const MIGRATION_TIMEOUT_MS = 3_600_000
const MAX_TRIES = 5
/** A server keeps a named statement as long as its connection: texts beyond this many go without a name. */
const MAX_NAMES = 1_000
/** Connection, resources, shutdown, I/O; read-only after a failover, deadlock and conflict, lock timeout. */
const UNAVAILABLE = /^(08|53|57|58)|^(25006|40001|40P01|55P03)$/
/** A prepared statement would bring back other columns than it did: a migration has changed its table. */
const STALE_PLAN = '0A000'
/** The statement before it, which was to prepare it for both, failed. */
const NOT_PREPARED = '26000'
const TRY_AGAIN = ['40001', '40P01', STALE_PLAN, NOT_PREPARED]

/**
 * Opens a pool on a PostgreSQL URL; `sslmode` and the like work as pg has them. Many processes may share the
 * database. Rejects with `StorageUnavailable` if it does not answer.
 */
export async function openPostgres(
  url: string,
  { random, observe }: { random: Random; observe?: Observe },
): Promise<Storage> {
  const { default: pg } = await import('pg') // 18 ms of start-up that a SQLite node does not pay
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    pipeline: true,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    query_timeout: TIMEOUT_MS,
    lock_timeout: 2_000,
    idle_in_transaction_session_timeout: 5_000,
    fallback_application_name: 'countersign',
    types: createTypes(pg.types.getTypeParser),
  })
  // A connection that dies must not end the process: the pool listens while it is idle, we while it is in use.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))

  function toStorageError(error: unknown): unknown {
    if (error instanceof StorageUnavailable) return error
    // What the server did not say itself is about the connection.
    const unavailable = !(error instanceof pg.DatabaseError) || UNAVAILABLE.test(error.code ?? '')
    return unavailable ? new StorageUnavailable(error) : error
  }

  async function checkOut(): Promise<PoolClient> {
    try {
      return await pool.connect()
    } catch (error) {
      throw toStorageError(error)
    }
  }

  let names = 0
  const newName = () => (names < MAX_NAMES ? `s${names++}` : undefined)

  async function ask(on: Pool | PoolClient, { statement, args }: Ready<Statement>, timeoutMs: number) {
    const { name, text } = statement
    const query: QueryConfig & TimeLimit = { name, text, values: args, query_timeout: timeoutMs }
    try {
      return await on.query(query)
    } catch (error) {
      // Each connection prepares it anew by another name.
      if (codeOf(error) === STALE_PLAN && statement.name === name) statement.name = newName()
      throw toStorageError(error)
    }
  }

  const askTogether = readTogether<Ready<Statement>>(checkOut, (client, ready) =>
    ask(client, ready, TIMEOUT_MS),
  )

  async function tryOnce<T>(unit: Unit<T>, find: Find, timeoutMs: number): Promise<T> {
    const client = await checkOut()
    const tx = new UnitTx(client, find, (ready) => ask(client, ready, timeoutMs), toStorageError)
    let broken: Error | undefined
    try {
      const value = await unit(tx)
      await tx.commit()
      return value
    } catch (error) {
      broken = await tx.rollback()
      throw mayTryAgain(tx.failure) ? tx.failure : error
    } finally {
      client.release(broken)
    }
  }

  // The pool's own end would leave waiting for ever who still waits for a connection.
  let underWay = 0
  let closing = false
  let idle: (() => void) | undefined
  async function track<T>(work: () => Promise<T>): Promise<T> {
    if (closing) throw new Error('storage is closed')
    underWay += 1
    try {
      return await work()
    } finally {
      underWay -= 1
      if (underWay === 0) idle?.()
    }
  }

  /** Conflicts are tried again: a net only, for rows that units lock in different orders. */
  async function insist<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work()
      } catch (error) {
        if (tries === MAX_TRIES || !mayTryAgain(error)) throw error
        // The machine's time, not the program's: a test that holds the clock must not hold the writer.
        await new Promise((resolve) => setTimeout(resolve, random.int(2 ** (tries + 1)) + 1))
      }
    }
  }

  function access(system: boolean) {
    const find = createStatementCache<Statement>(
      (position) => `$${position}`,
      (text) => {
        observe?.(text, system)
        return { name: newName(), text }
      },
    )
    const readBy = (ask: Ask): Read => {
      const query = (strings: TemplateStringsArray, values: Value[]) =>
        track(() => insist(() => ask(find(strings, values))))
      return {
        get: async (strings, ...values) => (await query(strings, values)).rows[0],
        all: async (strings, ...values) => (await query(strings, values)).rows,
      }
    }
    const writeWithin =
      (timeoutMs: number): Access['write'] =>
      (unit) =>
        track(() => insist(() => tryOnce(unit, find, timeoutMs)))
    return {
      read: readBy(askTogether),
      fused: readBy((ready) => ask(pool, ready, TIMEOUT_MS)),
      scan: readBy((ready) => ask(pool, ready, SCAN_TIMEOUT_MS)),
      write: writeWithin(TIMEOUT_MS),
      writeSlowly: writeWithin(MIGRATION_TIMEOUT_MS),
    }
  }

  const { writeSlowly, fused: _fused, ...system } = access(true)
  const { writeSlowly: _, ...tenant } = access(false)
  const storage: Storage = {
    ...tenant,
    engine: 'postgres',
    forUpdate: new Fragment(' for update'),
    system,
    writeSlowly,
    async ping() {
      const row = await system.read.get<{
        ms: number
      }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms`
      return row?.ms ?? 0
    },
    async close() {
      closing = true
      if (underWay > 0) await new Promise<void>((resolve) => (idle = resolve))
      await pool.end()
    },
  }
  await storage.ping().catch(async (error) => {
    await pool.end()
    throw error
  })
  return storage
}

/** As SQLite gives them: whole numbers as numbers, booleans as 0 and 1, bytes as a plain Uint8Array. */
function createTypes(getTypeParser: CustomTypesConfig['getTypeParser']): CustomTypesConfig {
  const own: Record<number, (text: string) => unknown> = {
    16: (text) => (text === 't' ? 1 : 0),
    17: (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
    20: Number, // bigint
    1700: Number, // numeric: what `sum` makes of bigint
  }
  const find = (oid: number, format?: 'text' | 'binary') =>
    own[oid] ?? (format === 'binary' ? getTypeParser(oid, 'binary') : getTypeParser(oid, 'text'))
  return { getTypeParser: find as CustomTypesConfig['getTypeParser'] }
}

function codeOf(error: unknown): string {
  const cause = error instanceof StorageUnavailable ? error.cause : error
  return (cause as Partial<DatabaseError> | undefined)?.code ?? ''
}

const mayTryAgain = (error: unknown) => TRY_AGAIN.includes(codeOf(error))

/** A unit's view of its connection. After a failed statement it can only fail. */
class UnitTx implements Tx {
  failure: unknown
  #open = true
  #begun = false
  readonly #client: PoolClient
  readonly #find: Find
  readonly #ask: Ask
  readonly #toStorageError: (error: unknown) => unknown

  constructor(client: PoolClient, find: Find, ask: Ask, toStorageError: (error: unknown) => unknown) {
    this.#client = client
    this.#find = find
    this.#ask = ask
    this.#toStorageError = toStorageError
  }

  get<R>(strings: TemplateStringsArray, ...values: Value[]): Promise<R | undefined> {
    return handled(this.#query(strings, values).then(({ rows }) => rows[0]))
  }

  all<R>(strings: TemplateStringsArray, ...values: Value[]): Promise<R[]> {
    return handled(this.#query(strings, values).then(({ rows }) => rows))
  }

  run(strings: TemplateStringsArray, ...values: Value[]): Promise<number> {
    return handled(this.#query(strings, values).then(({ rowCount }) => rowCount ?? 0))
  }

  async commit(): Promise<void> {
    this.#open = false
    if (!this.#begun) return
    try {
      const { command } = await this.#client.query('commit')
      // The server answers the commit of a failed transaction with ROLLBACK and no error.
      if (this.failure === undefined && command !== 'COMMIT')
        this.failure = new Error('the transaction was rolled back')
    } catch (error) {
      this.failure ??= this.#toStorageError(error)
    }
    if (this.failure !== undefined) throw this.failure
  }

  /** Resolves to the error if the connection is of no more use. */
  async rollback(): Promise<Error | undefined> {
    this.#open = false
    if (!this.#begun) return undefined
    return this.#client.query('rollback').then(
      () => undefined,
      (error: Error) => error,
    )
  }

  async #query(strings: TemplateStringsArray, values: Value[]) {
    if (!this.#open) throw new Error('tx used after its unit ended')
    if (this.failure !== undefined) throw this.failure
    const ready = this.#find(strings, values)
    try {
      this.#begin()
      return await this.#ask(ready)
    } catch (error) {
      this.failure ??= error
      throw this.failure
    }
  }

  /** Not awaited: it travels with the first statement. */
  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    hold(this.#client)
    handled(this.#client.query('begin')).catch(() => {})
  }
}

/** The unit fails anyway: a statement that nobody awaited must not end the process. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
