import { isStillVerified } from '../accounts/trial.ts'
import { complainSparingly } from '../complaint.ts'
import type { Context } from '../context.ts'
import type { Access } from '../storage/storage.ts'
import type { Attempt } from '../verify/attempts/attempt.ts'
import { freeLeases, lease, listDue, listOverdue, updateTry } from '../verify/attempts/store.ts'
import { findService } from '../verify/services/store.ts'
import { openCode } from '../verify/verifications/code.ts'
import { findForSend } from '../verify/verifications/store.ts'
import type { Route } from './choose.ts'
import { handOver, MAX_HANDOVER_MS } from './handover.ts'
import { errorCodeOf, type Outcome, recordOutcome, waitAfter } from './outcome.ts'
import { CHANNELS, type Channel, type Provider } from './provider.ts'
import { groupWrites } from './records.ts'
import { raiseSendAlert } from './send-alert.ts'

/** How long the node that took a row has it for itself: longer than a hand-over takes. */
export const LEASE_MS = 15_000
const SWEEP_MS = 1_000
/** While there is more than one sweep may take. */
const BUSY_SWEEP_MS = 50
const MAX_WAITING = 1_000
const MAX_UNDER_WAY = 256
const BACKOFF_MS = 500
const MAX_BACKOFF_MS = 30_000
/** Between two tries to write down what came of a hand-over. */
const RECORD_RETRY_MS = 500
/** However long a wait should be, a code is tried once more while its reader has this much time left to use it. */
const LAST_TRY_MS = 15_000

const NOT_TAKEN = 'no carrier took it while its code lived'

/** A message to go out. The code is at hand only in the turn that committed it; later it is read again. */
interface Job {
  attempt: Attempt
  code?: string
}

interface Lane {
  waiting: Job[]
  underWay: number
  /** Of those under way, the ones that no provider knows of yet. */
  preparing: Set<Job>
}

/**
 * The only loop that talks to providers. An attempt's row is its own queue entry: the node that commits it holds its
 * lease and sends at once; what crashed, was refused or did not fit is found by the sweeper when it is due.
 */
export class DeliveryQueue {
  readonly #ctx: Context
  readonly #routes: ReadonlyMap<Channel, Route[]>
  readonly #lanes = new Map<Channel, Lane>(
    CHANNELS.map((channel) => [channel, { waiting: [], underWay: 0, preparing: new Set() }]),
  )
  readonly #writeRecord: Access['write']
  readonly #complain: ReturnType<typeof complainSparingly>
  readonly #idle = new Set<() => void>()
  #stopSweeper = () => {}
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor(ctx: Context, routes: ReadonlyMap<Channel, Route[]>) {
    this.#ctx = ctx
    this.#routes = routes
    this.#writeRecord = groupWrites(ctx.storage)
    this.#complain = complainSparingly(ctx, 'sweep failed; it will be tried again')
  }

  serves(channel: Channel): boolean {
    return this.#routesOf(channel).length > 0
  }

  /** Begins to look for due rows. On SQLite nobody else can hold a row, so all of them are free. */
  async start(): Promise<void> {
    const { storage, clock } = this.#ctx
    if (storage.engine === 'sqlite') {
      await storage.system.write(async (tx) => {
        for (const channel of CHANNELS) await freeLeases(tx, channel, clock.now())
      })
    }
    this.#scheduleSweep(SWEEP_MS)
  }

  /** Takes a message whose row was committed in this turn, its lease held by this node. */
  send(attempt: Attempt, code: string): void {
    const lane = this.#lanes.get(attempt.channel)
    if (!lane || this.#closed) return
    if (lane.waiting.length === 0 && this.#room(attempt.channel, lane) > 0) this.#run(lane, { attempt, code })
    // What exceeds this is left to the sweeper.
    else if (lane.waiting.length < MAX_WAITING) lane.waiting.push({ attempt })
  }

  /** Takes no more; resolves when what is under way has ended. What waits stays in its rows. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopSweeper()
    await this.#sweeping
    for (const lane of this.#lanes.values()) lane.waiting.length = 0
    if (this.#underWay() > 0) await new Promise<void>((resolve) => this.#idle.add(resolve))
  }

  /** Resolves when no sweep runs and nothing waits or is under way here. For tests and the benchmark. */
  async drained(): Promise<void> {
    await this.#sweeping
    while (this.#underWay() > 0) await new Promise<void>((resolve) => this.#idle.add(resolve))
  }

  #routesOf(channel: Channel): Route[] {
    return this.#routes.get(channel) ?? []
  }

  #underWay(): number {
    let count = 0
    for (const lane of this.#lanes.values()) count += lane.underWay + lane.waiting.length
    return count
  }

  /** True where no provider may be asked now, so that a message can only be postponed. */
  #isDead(channel: Channel): boolean {
    return this.#routesOf(channel).every(({ circuit }) => circuit.waitMs > 0)
  }

  /** How many more messages may be taken up. */
  #room(channel: Channel, { underWay, preparing }: Lane): number {
    const places = MAX_UNDER_WAY - underWay
    if (this.#isDead(channel)) return places
    const capacity = this.#routesOf(channel).reduce(
      (sum, { provider, circuit }) => sum + Math.min(circuit.room, Math.max(0, provider.capacity())),
      0,
    )
    return Math.min(places, capacity - preparing.size)
  }

  /** Takes up what waits, as far as there is room. */
  #fill(channel: Channel, lane: Lane): void {
    for (let room = this.#room(channel, lane); room > 0; room--) {
      const job = lane.waiting.shift()
      if (!job) return
      this.#run(lane, job)
    }
  }

  #run(lane: Lane, job: Job): void {
    lane.underWay++
    lane.preparing.add(job)
    this.#deliver(lane, job)
      .catch((error: unknown) => {
        this.#ctx.log.error(
          { attempt_sid: job.attempt.sid, err: error },
          'send not recorded; it will be tried again',
        )
      })
      .finally(() => {
        lane.underWay--
        lane.preparing.delete(job)
        this.#fill(job.attempt.channel, lane)
        if (this.#underWay() === 0) this.#wakeIdle()
      })
  }

  #wakeIdle(): void {
    for (const wake of this.#idle) wake()
    this.#idle.clear()
  }

  async #deliver(lane: Lane, job: Job): Promise<void> {
    let held = job.attempt
    let { code } = job
    let last: Outcome | undefined
    /** Until one of the providers may be asked again. */
    let waitMs = Number.POSITIVE_INFINITY
    for (const { provider, circuit } of this.#routesOf(held.channel)) {
      const leased = await this.#extendLease(held)
      if (!leased) return
      held = leased
      code ??= await this.#readCode(held)
      if (code === undefined) return this.#cancel(held)
      // From here to the hand-over nothing is awaited: what room there is, is had.
      const notBeforeMs = circuit.waitMs || (provider.capacity() < 1 ? SWEEP_MS : 0)
      if (notBeforeMs > 0) {
        waitMs = Math.min(waitMs, notBeforeMs)
        continue
      }
      lane.preparing.delete(job)
      const report = circuit.begin()
      const handingOver = handOver(this.#ctx, provider, held, code)
      code = undefined
      const result = await handingOver
      report(result)
      if (result.outcome === 'untried') {
        waitMs = Math.min(waitMs, SWEEP_MS)
        continue
      }
      last = result
      const next = await this.#record(held, provider, result)
      if (!next || next.dueAtMs === null) return
      held = next
      waitMs = Math.min(waitMs, waitAfter(result))
    }
    await this.#postpone(held, waitMs, last)
  }

  /** Sees to it that the lease outlasts a hand-over. Undefined where another node took the row meanwhile. */
  async #extendLease(held: Attempt): Promise<Attempt | undefined> {
    const { clock, storage } = this.#ctx
    if (held.dueAtMs !== null && held.dueAtMs > clock.now() + MAX_HANDOVER_MS) return held
    const dueAtMs = clock.now() + LEASE_MS
    const taken = await storage.system.write((tx) => lease(tx, held, dueAtMs))
    return taken === 1 ? { ...held, dueAtMs } : undefined
  }

  /** The code that the message was made for, if the verification still has it and wants to be answered. */
  async #readCode(attempt: Attempt): Promise<string | undefined> {
    const v = await findForSend(this.#ctx.storage.system.read, attempt)
    if (v?.status !== 'pending' || !v.code || this.#ctx.clock.now() >= v.expiresAtMs) return undefined
    // Another payment's code must not go out under this one's amount and payee.
    if (v.codeVersion !== attempt.codeVersion) return undefined
    if (attempt.message.trial && !(await isStillVerified(this.#ctx, attempt.accountSid, attempt.recipient)))
      return undefined
    // Not from memory: another node may have deleted it.
    const service = await findService(this.#ctx.storage.read, attempt.accountSid, attempt.serviceSid)
    return service && openCode(this.#ctx, v, v.code)
  }

  /** Records an outcome; while the lease lasts, again and again: a message that has gone must not go twice. */
  async #record(held: Attempt, provider: Provider, outcome: Outcome): Promise<Attempt | undefined> {
    const { clock, log } = this.#ctx
    for (let tries = 0; ; tries++) {
      try {
        return await recordOutcome(this.#ctx, this.#writeRecord, held, provider, outcome, LEASE_MS)
      } catch (error) {
        if (clock.now() + RECORD_RETRY_MS >= (held.dueAtMs ?? 0)) throw error
        if (tries === 0) log.warn({ attempt_sid: held.sid, err: error }, 'send not recorded yet')
        await new Promise<void>((resolve) => clock.after(RECORD_RETRY_MS, resolve))
      }
    }
  }

  /** Nobody took it: exponential back-off with jitter while the code lives, then it has failed. */
  async #postpone(held: Attempt, waitMs: number, last: Outcome | undefined): Promise<void> {
    const { clock, random } = this.#ctx
    const now = clock.now()
    const backoffMs = last
      ? Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** held.tries) * (0.5 + random.int(1000) / 1000)
      : 0
    const dueAtMs = now + Math.round(Math.max(backoffMs, waitMs))
    const lastTryAtMs = held.expiresAtMs - LAST_TRY_MS
    const nextAtMs =
      waitMs < Number.POSITIVE_INFINITY && now < lastTryAtMs ? Math.min(dueAtMs, lastTryAtMs) : dueAtMs
    if (nextAtMs < held.expiresAtMs) {
      await this.#update(held, { dueAtMs: nextAtMs })
      return
    }
    const failed = await this.#update(held, { status: 'failed', errorCode: errorCodeOf(last), dueAtMs: null })
    if (failed) raiseSendAlert(this.#ctx, failed, last && 'code' in last ? last.code : NOT_TAKEN)
  }

  /** Nobody waits for it any more. */
  async #cancel(held: Attempt): Promise<void> {
    const canceled = await this.#update(held, { status: 'canceled', dueAtMs: null })
    const isLate = this.#ctx.clock.now() >= held.expiresAtMs
    if (canceled && isLate) raiseSendAlert(this.#ctx, canceled, NOT_TAKEN)
  }

  /** Undefined where another node took the row meanwhile. */
  async #update(held: Attempt, change: Partial<Attempt>): Promise<Attempt | undefined> {
    const next = { ...held, ...change, updatedAtMs: this.#ctx.clock.now() }
    const changed = await this.#ctx.storage.system.write((tx) => updateTry(tx, next, held.dueAtMs))
    return changed === 1 ? next : undefined
  }

  #scheduleSweep(afterMs: number): void {
    this.#stopSweeper = this.#ctx.clock.after(afterMs, () => {
      this.#sweeping = this.#sweep()
        .catch((error: unknown) => {
          this.#complain(error)
          return SWEEP_MS
        })
        .then((nextMs) => {
          if (!this.#closed) this.#scheduleSweep(nextMs)
        })
    })
  }

  /**
   * Takes due rows, as many as providers would take, but not of a channel that is dead: it starves no other channel.
   * Resolves to when to look again, in ms.
   */
  async #sweep(): Promise<number> {
    const { storage, clock } = this.#ctx
    let nextMs = SWEEP_MS
    for (const [channel, lane] of this.#lanes) {
      // It takes no provider to end what comes too late, and it must not stand before what does not.
      const overdue = await listOverdue(storage.system.read, channel, clock.now(), MAX_UNDER_WAY)
      await Promise.all(overdue.map((attempt) => this.#cancel(attempt)))
      if (overdue.length === MAX_UNDER_WAY) nextMs = BUSY_SWEEP_MS

      this.#fill(channel, lane)
      const room = this.#room(channel, lane)
      if (room <= 0 || lane.waiting.length > 0 || this.#isDead(channel)) continue
      const due = await listDue(storage.system.read, channel, clock.now(), room)
      const dueAtMs = clock.now() + LEASE_MS
      // All at once, so that they share a commit.
      await Promise.all(
        due.map(async (attempt) => {
          const taken = await storage.system.write((tx) => lease(tx, attempt, dueAtMs))
          if (taken === 1 && !this.#closed) this.#run(lane, { attempt: { ...attempt, dueAtMs } })
        }),
      )
      if (due.length === room) nextMs = BUSY_SWEEP_MS
    }
    return nextMs
  }
}
