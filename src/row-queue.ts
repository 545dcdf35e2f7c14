import { complainSparingly } from './complaint.ts'
import type { Context } from './context.ts'

const SWEEP_MS = 1_000
/** What a sweep brings. More than can be under way, so that places which become free find somebody. */
const MAX_LISTED = 250
/** Added by this node, and waiting for their turn. What is beyond is left to the sweeper. */
const MAX_WAITING = 1_000
/** Of those, of one account. */
const MAX_WAITING_OF_ACCOUNT = 100

interface Row {
  sid: string
  accountSid: string
  /** Until when it is taken, or since when it may be. */
  dueAtMs: number | null
}

/** How a queue finds its rows, takes them and works on them. */
export interface Work<T extends Row> {
  /** What it is called in the log. */
  name: string
  maxUnderWay: number
  /** So that one account's slow receivers hold up nobody else. */
  maxOfAccount: number
  /** Some that are due: where there are more than `limit`, those of each account in turn. */
  listDue(limit: number): Promise<T[]>
  /** Takes a row for some time; undefined where another node was first. */
  take(row: T): Promise<T | undefined>
  /** What has to be done. The row is taken. */
  process(row: T): Promise<void>
}

/**
 * Rows that are their own queue entries: what is due, as the sweeper finds it each second, is taken and worked on in
 * turn, and so is what crashed before. A node that commits a row may have taken it and begin at once.
 */
export class RowQueue<T extends Row> {
  readonly #ctx: Pick<Context, 'clock' | 'log'>
  readonly #work: Work<T>
  readonly #complain: (error: unknown) => undefined
  readonly #underWay = new Map<Promise<void>, string>()
  /** Taken by this node as they were committed. */
  #added: T[] = []
  /** Found by the last sweep, and nobody's yet. */
  #due: T[] = []
  #sweeping: Promise<void> = Promise.resolve()
  #stopSweeper = () => {}
  #closed = false

  constructor(ctx: Pick<Context, 'clock' | 'log'>, work: Work<T>) {
    this.#ctx = ctx
    this.#work = work
    const complain = complainSparingly(ctx, 'sweep failed; it will be tried again')
    this.#complain = (error) => void complain(error, { queue: work.name })
  }

  /** Begins to look for due rows. */
  start(): void {
    this.#stopSweeper = this.#ctx.clock.after(SWEEP_MS, () => {
      this.#sweeping = this.#sweep()
        .catch(this.#complain)
        .then(() => {
          if (!this.#closed) this.start()
        })
    })
  }

  /** Has a row that was committed in this turn, taken by this node, its turn. */
  add(row: T): void {
    const isOfAccount = ({ accountSid }: T) => accountSid === row.accountSid
    if (this.#closed || this.#added.length >= MAX_WAITING) return
    if (this.#added.filter(isOfAccount).length >= MAX_WAITING_OF_ACCOUNT) return
    this.#added.push(row)
    this.#fill()
  }

  /** Takes no more; resolves when what is under way has ended. What waits stays in its rows. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopSweeper()
    this.#added = []
    this.#due = []
    await this.drained()
  }

  /** Resolves when no sweep runs and nothing is under way here. */
  async drained(): Promise<void> {
    await this.#sweeping
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.keys())
  }

  async #sweep(): Promise<void> {
    const due = await this.#work.listDue(MAX_LISTED)
    if (this.#closed) return
    this.#due = due
    this.#fill()
  }

  #fill(): void {
    const now = this.#ctx.clock.now()
    // What was added had no turn while it was this node's: it is found like any other.
    this.#added = this.#added.filter(({ dueAtMs }) => (dueAtMs ?? 0) > now)
    this.#due = this.#beginSome(this.#due, (row) => this.#takeAndProcess(row))
    this.#added = this.#beginSome(this.#added, (row) => this.#work.process(row))
  }

  /** Returns those for which there is no room yet. */
  #beginSome(rows: readonly T[], process: (row: T) => Promise<void>): T[] {
    return rows.filter((row) => {
      const hasRoom = this.#hasRoomFor(row)
      if (hasRoom) this.#begin(row, process)
      return !hasRoom
    })
  }

  #hasRoomFor({ accountSid }: T): boolean {
    const { maxUnderWay, maxOfAccount } = this.#work
    if (this.#underWay.size >= maxUnderWay) return false
    return [...this.#underWay.values()].filter((sid) => sid === accountSid).length < maxOfAccount
  }

  #begin(row: T, process: (row: T) => Promise<void>): void {
    const work = process(row)
      .catch((error: unknown) =>
        this.#ctx.log.error(
          { queue: this.#work.name, sid: row.sid, err: error },
          'not recorded; it will be tried again',
        ),
      )
      .finally(() => {
        this.#underWay.delete(work)
        this.#fill()
      })
    this.#underWay.set(work, row.accountSid)
  }

  async #takeAndProcess(row: T): Promise<void> {
    const taken = await this.#work.take(row).catch(this.#complain)
    if (taken) await this.#work.process(taken)
  }
}
