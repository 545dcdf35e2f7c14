import type { Context } from '../context.ts'
import { maskRecipient } from '../log.ts'
import type { Access } from '../storage/storage.ts'
import type { Attempt } from '../verify/attempts/attempt.ts'
import { freeLeases, lease, listDue, updateTry } from '../verify/attempts/store.ts'
import { findService } from '../verify/services/store.ts'
import { openCode } from '../verify/verifications/code.ts'
import { findForSend } from '../verify/verifications/store.ts'
import type { Route } from './choose.ts'
import { composeMessage } from './compose.ts'
import { CHANNELS, type Channel, type SendResult } from './provider.ts'
import { bindReceipts, UNKNOWN_ERROR } from './receipts.ts'
import { groupWrites } from './records.ts'
import { raiseSendAlert } from './send-alert.ts'
import { insertHandover } from './store.ts'

/** How long the node that took a row has it for itself: longer than a provider may take. */
export const LEASE_MS = 15_000
const PROVIDER_TIMEOUT_MS = 10_000
/** How long after its time-out a provider may still say what became of the message. */
const GRACE_MS = 2_000
const SWEEP_MS = 1_000
/** While there is more than one sweep may take. */
const BUSY_SWEEP_MS = 50
const MAX_WAITING = 1_000
const MAX_UNDER_WAY = 256
const BACKOFF_MS = 500
const MAX_BACKOFF_MS = 30_000

/** The API's numbering of why a message did not arrive. */
const ERROR_CODES = {
  bad_number: '30005',
  blocked: '30004',
  content: '30007',
  config: '30008',
  funds: '30008',
} as const

const NOT_TAKEN = 'no carrier took it while its code lived'

/** A message to go out. The code is at hand only in the turn that committed it; later it is read again. */
interface Job {
  attempt: Attempt
  code?: string
}

interface Lane {
  waiting: Job[]
  underWay: number
}

/**
 * The only loop that talks to providers. An attempt's row is its own queue entry: the node that commits it holds its
 * lease and sends at once; what crashed, was refused or did not fit is found by the sweeper when it is due.
 */
export class DeliveryQueue {
  readonly #ctx: Context
  readonly #routes: ReadonlyMap<Channel, Route[]>
  readonly #lanes = new Map<Channel, Lane>(CHANNELS.map((channel) => [channel, { waiting: [], underWay: 0 }]))
  readonly #writeRecord: Access['write']
  readonly #idle = new Set<() => void>()
  #stopSweeper = () => {}
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor(ctx: Context, routes: ReadonlyMap<Channel, Route[]>) {
    this.#ctx = ctx
    this.#routes = routes
    this.#writeRecord = groupWrites(ctx.storage)
  }

  serves(channel: Channel): boolean {
    return (this.#routes.get(channel)?.length ?? 0) > 0
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
    this.#enter({ attempt, code })
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

  #underWay(): number {
    let count = 0
    for (const lane of this.#lanes.values()) count += lane.underWay + lane.waiting.length
    return count
  }

  #enter(job: Job): void {
    const lane = this.#lanes.get(job.attempt.channel)
    if (!lane || this.#closed) return
    if (lane.underWay < MAX_UNDER_WAY) this.#run(lane, job)
    // What exceeds this is left to the sweeper.
    else if (lane.waiting.length < MAX_WAITING) lane.waiting.push({ attempt: job.attempt })
  }

  #run(lane: Lane, job: Job): void {
    lane.underWay++
    this.#deliver(job)
      .catch((error: unknown) => {
        this.#ctx.log.error(
          { attempt_sid: job.attempt.sid, err: error },
          'send not recorded; it will be tried again',
        )
      })
      .finally(() => {
        lane.underWay--
        const next = lane.waiting.shift()
        if (next) this.#run(lane, next)
        else if (this.#underWay() === 0) this.#wakeIdle()
      })
  }

  #wakeIdle(): void {
    for (const wake of this.#idle) wake()
    this.#idle.clear()
  }

  async #deliver({ attempt, code }: Job): Promise<void> {
    let held = attempt
    let last: SendResult | undefined
    /** Until one of the providers may be asked again. */
    let waitMs = Number.POSITIVE_INFINITY
    for (const { provider, circuit } of this.#routes.get(attempt.channel) ?? []) {
      if (circuit.waitMs > 0) {
        waitMs = Math.min(waitMs, circuit.waitMs)
        continue
      }
      const leased = await this.#extendLease(held)
      if (!leased) return
      const text = (last ? undefined : code) ?? (await this.#readCode(leased))
      if (text === undefined) {
        const canceled = await this.#update(leased, { status: 'canceled', dueAtMs: null })
        const isLate = this.#ctx.clock.now() >= leased.expiresAtMs
        if (canceled && isLate) raiseSendAlert(this.#ctx, canceled, NOT_TAKEN)
        return
      }
      const report = circuit.begin()
      last = await this.#handOver(provider, leased, text)
      report(last)
      const next = await this.#record(leased, provider.id, last)
      if (!next || next.dueAtMs === null) return
      held = next
      waitMs = Math.min(waitMs, waitAfter(last, provider.idempotent))
    }
    await this.#postpone(held, waitMs, last)
  }

  /** Sees to it that the lease outlasts a hand-over. Undefined where another node took the row meanwhile. */
  async #extendLease(held: Attempt): Promise<Attempt | undefined> {
    const { clock, storage } = this.#ctx
    const needed = clock.now() + PROVIDER_TIMEOUT_MS + GRACE_MS
    if (held.dueAtMs !== null && held.dueAtMs > needed) return held
    const dueAtMs = clock.now() + LEASE_MS
    const taken = await storage.system.write((tx) => lease(tx, held, dueAtMs))
    return taken === 1 ? { ...held, dueAtMs } : undefined
  }

  /** The code, if the verification still wants to be answered. */
  async #readCode(attempt: Attempt): Promise<string | undefined> {
    const v = await findForSend(this.#ctx.storage.system.read, attempt)
    if (v?.status !== 'pending' || !v.code || this.#ctx.clock.now() >= v.expiresAtMs) return undefined
    // Not from memory: another node may have deleted it.
    const service = await findService(this.#ctx.storage.read, attempt.accountSid, attempt.serviceSid)
    return service && openCode(this.#ctx, v, v.code)
  }

  async #handOver(provider: Route['provider'], attempt: Attempt, code: string): Promise<SendResult> {
    const { clock, log } = this.#ctx
    const startedAtMs = clock.now()
    const timeout = new AbortController()
    let stopTimer = () => {}
    // A provider that does not heed the signal must not hold its place for ever.
    const givenUp = new Promise<SendResult>((resolve) => {
      stopTimer = clock.after(PROVIDER_TIMEOUT_MS, () => {
        timeout.abort()
        stopTimer = clock.after(GRACE_MS, () => resolve({ outcome: 'unknown', code: 'timeout' }))
      })
    })
    let result: SendResult
    try {
      result = await Promise.race([provider.send(composeMessage(attempt, code), timeout.signal), givenUp])
    } catch (error) {
      log.error({ provider: provider.id, attempt_sid: attempt.sid, err: error }, 'provider failed')
      result = { outcome: 'unknown', code: 'internal' }
    } finally {
      stopTimer()
    }
    log.info(
      {
        attempt_sid: attempt.sid,
        provider: provider.id,
        channel: attempt.channel,
        to: maskRecipient(attempt.recipient),
        outcome: result.outcome,
        code: 'code' in result ? result.code : undefined,
        ms: clock.now() - startedAtMs,
      },
      'send',
    )
    return result
  }

  /**
   * Keeps a hand-over and what it makes of the attempt, in one commit; renews the lease where it is not settled.
   * Undefined where another node took the row meanwhile.
   */
  async #record(held: Attempt, provider: string, result: SendResult): Promise<Attempt | undefined> {
    const now = this.#ctx.clock.now()
    const accepted = result.outcome === 'accepted' ? result : undefined
    const isBadNumber = result.outcome === 'rejected' && result.kind === 'bad_number'
    const next: Attempt = {
      ...held,
      provider,
      tries: held.tries + 1,
      dueAtMs: accepted || isBadNumber ? null : now + LEASE_MS,
      updatedAtMs: now,
      ...(accepted && {
        status: accepted.deliveredBy ? 'delivered' : 'sent',
        priceMicros: this.#ctx.rates.price(held.channel, held.recipient) * (accepted.segments ?? 1),
      }),
      ...(isBadNumber && { status: 'failed', errorCode: ERROR_CODES.bad_number }),
    }
    const changed = await this.#writeRecord(async (tx) => {
      const [changed] = await Promise.all([
        updateTry(tx, next, held.dueAtMs),
        insertHandover(tx, held, {
          n: next.tries,
          provider,
          outcome: accepted?.deliveredBy ? 'delivered' : result.outcome,
          code: 'code' in result ? result.code : null,
          detail: 'detail' in result ? (result.detail ?? null) : null,
          messageId: accepted?.messageId ?? null,
          createdAtMs: now,
        }),
        accepted?.deliveredBy?.(tx),
      ])
      if (accepted && !accepted.deliveredBy)
        await bindReceipts(this.#ctx, tx, next, provider, accepted.messageId)
      return changed
    })
    accepted?.recorded?.()
    if (changed !== 1) return undefined
    if (isBadNumber) raiseSendAlert(this.#ctx, next, result.code)
    return next
  }

  /** Nobody took it: exponential back-off with jitter while the code lives, then it has failed. */
  async #postpone(held: Attempt, waitMs: number, last: SendResult | undefined): Promise<void> {
    const { clock, random } = this.#ctx
    const backoffMs = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** held.tries) * (0.5 + random.int(1000) / 1000)
    const dueAtMs = clock.now() + Math.round(Math.max(backoffMs, waitMs))
    if (dueAtMs < held.expiresAtMs) {
      await this.#update(held, { dueAtMs })
      return
    }
    const errorCode = last?.outcome === 'rejected' ? ERROR_CODES[last.kind] : UNKNOWN_ERROR
    const failed = await this.#update(held, { status: 'failed', errorCode, dueAtMs: null })
    if (failed) raiseSendAlert(this.#ctx, failed, last && 'code' in last ? last.code : NOT_TAKEN)
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
          this.#ctx.log.error({ err: error }, 'sweep failed; it will be tried again')
          return SWEEP_MS
        })
        .then((nextMs) => {
          if (!this.#closed) this.#scheduleSweep(nextMs)
        })
    })
  }

  /**
   * Takes due rows, but not of a channel that nobody would take them from: a dead carrier starves no other channel.
   * Resolves to when to look again, in ms.
   */
  async #sweep(): Promise<number> {
    const { storage, clock } = this.#ctx
    let nextMs = SWEEP_MS
    for (const [channel, lane] of this.#lanes) {
      const room = MAX_UNDER_WAY - lane.underWay
      const routes = this.#routes.get(channel) ?? []
      if (room <= 0 || lane.waiting.length > 0) continue
      if (routes.length > 0 && routes.every(({ circuit }) => circuit.waitMs > 0)) continue
      const due = await listDue(storage.system.read, channel, clock.now(), room)
      const dueAtMs = clock.now() + LEASE_MS
      // All at once, so that they share a commit.
      await Promise.all(
        due.map(async (attempt) => {
          const taken = await storage.system.write((tx) => lease(tx, attempt, dueAtMs))
          if (taken === 1) this.#enter({ attempt: { ...attempt, dueAtMs } })
        }),
      )
      if (due.length === room) nextMs = BUSY_SWEEP_MS
    }
    return nextMs
  }
}

/** How long a provider is not to be asked for the same message again, in ms. */
function waitAfter(result: SendResult, isIdempotent: boolean): number {
  if (result.outcome === 'busy') return result.retryAfterMs ?? 0
  // It may have arrived: who got it has time to use it, which cancels the rest.
  if (result.outcome === 'unknown') return isIdempotent ? 0 : MAX_BACKOFF_MS
  const isFinal = result.outcome === 'rejected' && result.kind !== 'config' && result.kind !== 'funds'
  return isFinal ? Number.POSITIVE_INFINITY : 0
}
