import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { toStorageError } from './sqlite-error.ts'
import type { Ready } from './statement.ts'
import { StorageUnavailable, type Tx, type Unit, type Value } from './storage.ts'

type Find = (strings: TemplateStringsArray, values: Value[]) => Ready<StatementSync>

interface Job {
  unit: Unit<unknown>
  find: Find
  resolve(value: unknown): void
  reject(error: unknown): void
  /** The writer's count of pauses when the job came: how long it has been waiting for the lock. */
  pausesBefore: number
}

type Outcome =
  | { job: Job; ok: true; value: unknown }
  | { job: Job; ok: false; error: unknown; wrote: boolean }

const MAX_UNITS = 256
const MAX_BATCH_MS = 5
const PAUSE_MS = 5
/** Five seconds. Counted in pauses, so that a busy database costs no look at the clock for each unit. */
const MAX_PAUSES = 1_000

/**
 * Group commit: units that arrive in one turn of the event loop share one transaction and one fsync. No unit resolves
 * before the commit returned. One that fails rolls back alone: savepoints would keep a copy of each page that a unit
 * touches, so a batch runs without them, and again with them if a unit fails that has written.
 */
export function createWriter(db: DatabaseSync, committed: () => void) {
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  const rollback = db.prepare('rollback')
  const save = db.prepare('savepoint unit')
  const release = db.prepare('release unit')
  const undo = db.prepare('rollback to unit')

  let queue: Job[] = []
  let scheduled = false
  let closing = false
  let pauses = 0
  /** The batch that comes next was rolled back because of one of its units: each gets a savepoint. */
  let careful = false
  let idle: (() => void) | undefined
  /** Fails the unit that is running now. */
  let trip: ((error: Error) => void) | undefined

  function runUnit(job: Job): Promise<Outcome> {
    const tx = new UnitTx(job.find)
    return new Promise((settle) => {
      // A tripped unit that ends late must neither settle twice nor clear the guard of its successor.
      const end = (outcome: Outcome) => {
        if (!tx.end()) return
        trip = undefined
        settle(outcome.ok && tx.failure !== undefined ? failed(tx.failure) : outcome)
      }
      const failed = (error: unknown): Outcome => ({ job, ok: false, error, wrote: tx.wrote })
      trip = (error) => end(failed(error))
      try {
        job.unit(tx).then(
          (value) => end({ job, ok: true, value }),
          (error) => end(failed(error)),
        )
      } catch (error) {
        end(failed(error))
      }
    })
  }

  /**
   * Fails units that await something foreign, which would hold the lock meanwhile. A nextTick queued from a microtask
   * runs when no microtask is left: a unit still running then waits for something that is not its tx.
   * Returns what ends the watch. Call it from a microtask.
   */
  function watch(): () => void {
    let watching = true
    const check = () => {
      if (!watching || !trip) return // without a running unit: never spin
      trip(new Error('a unit of work awaited something other than its tx'))
      queueMicrotask(arm)
    }
    const arm = () => process.nextTick(check)
    arm()
    return () => {
      watching = false
    }
  }

  /** True if the transaction is open; else jobs that waited too long were refused. */
  function tryBegin(): boolean {
    try {
      begin.run()
      return true
    } catch (error) {
      const mayWait = (job: Job) => isBusy(error) && pauses - job.pausesBefore < MAX_PAUSES
      for (const job of queue) if (!mayWait(job)) job.reject(new StorageUnavailable(error))
      queue = queue.filter(mayWait)
      return false
    }
  }

  /**
   * Runs jobs up to the caps. `lost` is set if the transaction itself cannot be kept; `spoiled` if it holds what a
   * failed unit wrote.
   */
  async function runBatch(): Promise<{ outcomes: Outcome[]; lost: unknown; spoiled: boolean }> {
    const jobs = queue
    queue = []
    const outcomes: Outcome[] = []
    const startedMs = performance.now()
    let lost: unknown
    let spoiled = false
    for (const job of jobs) {
      if (outcomes.length >= MAX_UNITS) break
      if (outcomes.length > 0 && performance.now() - startedMs > MAX_BATCH_MS) break
      try {
        if (careful) save.run()
        const outcome = await runUnit(job)
        outcomes.push(outcome)
        // A full disk and I/O errors can make SQLite give up the whole transaction, not the statement.
        if (!db.isTransaction) {
          lost = outcome.ok ? new Error('the transaction ended early') : outcome.error
          break
        }
        spoiled = !careful && !outcome.ok && outcome.wrote
        if (spoiled) break
        if (careful && !outcome.ok) undo.run()
        if (careful) release.run()
      } catch (error) {
        lost = error
        if (outcomes.at(-1)?.job !== job) outcomes.push({ job, ok: false, error, wrote: false })
        break
      }
    }
    if (outcomes.length < jobs.length) queue = jobs.slice(outcomes.length).concat(queue)
    return { outcomes, lost, spoiled }
  }

  async function flush(): Promise<void> {
    if (!tryBegin()) return schedule(PAUSE_MS)
    await null // into the microtask queue, for the watch
    const endWatch = watch()
    let { outcomes, lost, spoiled } = await runBatch()
    endWatch()
    careful = spoiled
    if (spoiled) return runAgain(outcomes)
    try {
      if (lost === undefined) commit.run()
    } catch (error) {
      lost = error
    }
    if (db.isTransaction) endLostTransaction()
    for (const outcome of outcomes) {
      if (lost !== undefined) outcome.job.reject(unavailable(lost))
      else if (outcome.ok) outcome.job.resolve(outcome.value)
      else outcome.job.reject(outcome.error)
    }
    if (lost === undefined) committed()
    schedule(0)
  }

  function runAgain(outcomes: Outcome[]): void {
    queue = outcomes.map(({ job }) => job).concat(queue)
    endLostTransaction()
    schedule(0)
  }

  function endLostTransaction(): void {
    try {
      rollback.run()
    } catch {
      // SQLite did it already, or the next `begin` fails and refuses its units.
    }
  }

  function schedule(pauseMs: number): void {
    if (queue.length === 0) {
      scheduled = false
      idle?.()
    } else if (pauseMs > 0) {
      pauses += 1
      setTimeout(flush, pauseMs)
    } else setImmediate(flush)
  }

  return {
    write<T>(unit: Unit<T>, find: Find): Promise<T> {
      return new Promise((resolve, reject) => {
        if (closing) return reject(new Error('storage is closed'))
        queue.push({ unit, find, resolve: resolve as (value: unknown) => void, reject, pausesBefore: pauses })
        if (scheduled) return
        scheduled = true
        setImmediate(flush)
      })
    },
    /** Resolves when every unit that was queued is settled; refuses new ones. */
    async close(): Promise<void> {
      closing = true
      if (scheduled) await new Promise<void>((resolve) => (idle = resolve))
    },
  }
}

const isBusy = (error: unknown) => (error as { errcode?: number }).errcode === 5

const unavailable = (error: unknown) =>
  error instanceof StorageUnavailable ? error : new StorageUnavailable(error)

const isSelect = ([start]: TemplateStringsArray) => /^\s*select\b/i.test(start ?? '')

/** A unit's view of the writer. After a failed statement it can only fail, as on PostgreSQL. */
class UnitTx implements Tx {
  failure: unknown
  wrote = false
  #open = true
  readonly #find: Find

  constructor(find: Find) {
    this.#find = find
  }

  get<R>(strings: TemplateStringsArray, ...values: Value[]): Promise<R | undefined> {
    try {
      const { statement, args } = this.#ready(strings, values)
      if (!isSelect(strings)) this.wrote = true
      return Promise.resolve(statement.get(...args) as R | undefined)
    } catch (error) {
      return this.#fail(error)
    }
  }

  all<R>(strings: TemplateStringsArray, ...values: Value[]): Promise<R[]> {
    try {
      const { statement, args } = this.#ready(strings, values)
      if (!isSelect(strings)) this.wrote = true
      return Promise.resolve(statement.all(...args) as R[])
    } catch (error) {
      return this.#fail(error)
    }
  }

  run(strings: TemplateStringsArray, ...values: Value[]): Promise<number> {
    try {
      const { statement, args } = this.#ready(strings, values)
      const changes = statement.run(...args).changes as number
      if (changes > 0) this.wrote = true
      return Promise.resolve(changes)
    } catch (error) {
      return this.#fail(error)
    }
  }

  /** False if it had ended before. */
  end(): boolean {
    const wasOpen = this.#open
    this.#open = false
    return wasOpen
  }

  #ready(strings: TemplateStringsArray, values: Value[]): Ready<StatementSync> {
    if (!this.#open) throw new Error('tx used after its unit ended')
    if (this.failure !== undefined) throw this.failure
    return this.#find(strings, values)
  }

  #fail(error: unknown): Promise<never> {
    this.failure ??= toStorageError(error)
    const failed = Promise.reject(this.failure)
    failed.catch(() => {}) // the unit fails anyway; a statement nobody awaited must not end the process
    return failed
  }
}
