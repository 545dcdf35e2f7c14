import { complainSparingly } from '../complaint.ts'
import type { Context } from '../context.ts'

const SWEEP_MS = 1_000
/** Taken by this node, and waiting for their turn. What is beyond is left to the sweeper. */
const MAX_WAITING = 1_000

interface Row {
  accountSid: string
}

/** How a queue finds its rows, takes them and works on them. */
export interface Work<T extends Row> {
  /** What it is called in the log. */
  name: string
  maxUnderWay: number
  /** So that one account's slow receivers hold up nobody else. */
  maxOfAccount: number
  listDue(limit: number): Promise<T[]>
  /** Takes a row for some time; undefined where another node was first. */
  take(row: T): Promise<T | undefined>
  /** What has to be done. The row is taken. */
  process(row: T): Promise<void>
  /** On SQLite nobody else can hold a row: makes all of them free. */
  free(): Promise<unknown>
}

/**
 * Rows that are their own queue entries: the node that commits one has taken it and begins at once; what crashed or did
 * not fit is found by the sweeper when it is due.
 */
export class RowQueue<T extends Row> {
  readonly #ctx: Pick<Context, 'clock' | 'storage' | 'log'>
  readonly #work: Work<T>
  readonly #complain: ReturnType<typeof complainSparingly>
  readonly #underWay = new Map<Promise<void>, string>()
  #waiting: T[] = []
  #sweeping: Promise<void> = Promise.resolve()
  #stopSweeper = () => {}
  #closed = false

  constructor(ctx: Pick<Context, 'clock' | 'storage' | 'log'>, work: Work<T>) {
    this.#ctx = ctx
    this.#work = work
    this.#complain = complainSparingly(ctx, 'sweep failed; it will be tried again')
  }

  /** Begins to look for due rows. */
  async start(): Promise<void> {
    if (this.#ctx.storage.engine === 'sqlite') await this.#work.free()
    this.#scheduleSweep()
  }

  /** Has a row that was committed in this turn, taken by this node, its turn. */
  add(row: T): void {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) return
    this.#waiting.push(row)
    this.#fill()
  }

  /** Takes no more; resolves when what is under way has ended. What waits stays in its rows. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopSweeper()
    this.#waiting = []
    await this.drained()
  }

  /** Resolves when no sweep runs and nothing is under way here. */
  async drained(): Promise<void> {
    await this.#sweeping
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.keys())
  }

  #hasRoomFor({ accountSid }: T): boolean {
    const { maxUnderWay, maxOfAccount } = this.#work
    if (this.#underWay.size >= maxUnderWay) return false
    return [...this.#underWay.values()].filter((sid) => sid === accountSid).length < maxOfAccount
  }

  #fill(): void {
    this.#waiting = this.#waiting.filter((row) => {
      const hasRoom = this.#hasRoomFor(row)
      if (hasRoom) this.#begin(row)
      return !hasRoom
    })
  }

  #begin(row: T): void {
    const work = this.#work
      .process(row)
      .catch((error: unknown) =>
        this.#ctx.log.error({ queue: this.#work.name, err: error }, 'not recorded; it will be tried again'),
      )
      .finally(() => {
        this.#underWay.delete(work)
        this.#fill()
      })
    this.#underWay.set(work, row.accountSid)
  }

  #scheduleSweep(): void {
    this.#stopSweeper = this.#ctx.clock.after(SWEEP_MS, () => {
      this.#sweeping = this.#sweep()
        .catch((error: unknown) => this.#complain(error, { queue: this.#work.name }))
        .then(() => {
          if (!this.#closed) this.#scheduleSweep()
        })
    })
  }

  async #sweep(): Promise<void> {
    const { maxUnderWay, listDue, take } = this.#work
    const room = maxUnderWay - this.#underWay.size
    if (room <= 0 || this.#waiting.length > 0) return
    // All at once, so that they share a commit.
    await Promise.all(
      (await listDue(room)).map(async (row) => {
        const taken = this.#hasRoomFor(row) && (await take(row))
        if (taken) this.add(taken)
      }),
    )
  }
}
