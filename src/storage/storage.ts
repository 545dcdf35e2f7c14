/** Two engines, one interface. SQL is written once, in tagged templates; the template is the statement's cache key. */

/**
 * What a template may hold. Rows bring back numbers, strings, null and plain `Uint8Array`s; a comparison is 0 or 1.
 * Compute in JavaScript what is made of bound values alone: PostgreSQL cannot type `${a} - ${b}`, and SQLite binds
 * numbers as floating point, so `hits / ${2}` does not round and a number bound for a text column reads '2.0'.
 */
export type Value = string | number | null | Uint8Array | Fragment | Clause

/** Constant SQL of an engine, spliced into the text of a statement (so the cache key holds). */
export class Fragment {
  readonly sql: string
  constructor(sql: string) {
    this.sql = sql
  }
}

/** SQL with values that differs between calls; a statement that holds one is cached by its text. */
export class Clause {
  readonly strings: readonly string[]
  readonly values: readonly Value[]
  constructor(strings: readonly string[], values: readonly Value[]) {
    this.strings = strings
    this.values = values
  }
}

export const sql = (strings: TemplateStringsArray, ...values: Value[]) => new Clause(strings, values)

/** `where a and b …` of the conditions that are there; empty text without any. */
export function where(conditions: readonly (Clause | undefined)[]): Clause {
  const present = conditions.filter((c) => c !== undefined)
  if (present.length === 0) return new Clause([''], [])
  return new Clause(['where ', ...present.slice(1).map(() => ' and '), ''], present)
}

export interface Read {
  get<R>(strings: TemplateStringsArray, ...values: Value[]): Promise<R | undefined>
  all<R>(strings: TemplateStringsArray, ...values: Value[]): Promise<R[]>
}

/** A unit of work under way. A failed statement dooms the unit; a `tx` used after its unit throws. */
export interface Tx extends Read {
  /** Resolves to the number of rows changed. */
  run(strings: TemplateStringsArray, ...values: Value[]): Promise<number>
}

/** Told of each statement when it is first prepared; `system` if through the system handle. */
export type Observe = (text: string, system: boolean) => void

export type Unit<T> = (tx: Tx) => Promise<T>

export interface Access {
  read: Read
  /** For reads that may touch more than 1,000 rows: off the main thread on SQLite. */
  scan: Read
  /**
   * Runs the unit, commits, resolves after the commit is durable. Inside, await only `tx`. A unit may be rolled back
   * and run again, for reasons that are not its own: what it does beside its statements must bear that.
   */
  write<T>(unit: Unit<T>): Promise<T>
}

export interface Storage extends Access {
  readonly engine: 'sqlite' | 'postgres'
  /** Locks the rows a unit decides upon; empty on SQLite, where one writer exists. */
  readonly forUpdate: Fragment
  /**
   * Where one statement can change several tables (not on SQLite): such a statement, a unit of its own. For create and
   * check only: it spares them `begin`, `commit` and their turns on the wire.
   */
  readonly fused?: Pick<Tx, 'get'>
  /** For what is not done for one tenant: sweeper, retention, log-in. The rest must name `account_sid`. */
  readonly system: Access
  /** For migrations: as `system.write`, but a statement may take its time. */
  writeSlowly: Access['write']
  /** Copies the database into a file that is not there yet, while it serves; SQLite only. */
  backup?(to: string): Promise<void>
  /** Rejects when the database does not answer. Resolves to its clock, in ms since 1970. */
  ping(): Promise<number>
  close(): Promise<void>
}

/** A write that could not be kept (disk full, lock timeout, connection gone): answered 503 20503. */
export class StorageUnavailable extends Error {
  constructor(cause: unknown) {
    super('storage is unavailable', { cause })
  }
}
