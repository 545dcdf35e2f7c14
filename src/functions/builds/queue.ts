import { complainSparingly } from '../../complaint.ts'
import type { Context } from '../../context.ts'
import { byPath } from '../deployed.ts'
import { listVersionsOfBuild } from '../versions/store.ts'
import type { KeptBundles } from './bundle.ts'
import type { Dependency } from './dependencies.ts'
import { BuildFailure } from './failure.ts'
import type { Modules } from './install.ts'
import { type DueBuild, freeBuilds, leaseBuild, listDueBuilds, settleBuild } from './store.ts'

const MAX_AT_ONCE = 2
/** Renewed while it is being made: soon after its node died another takes it. */
const LEASE_MS = 20_000
const RENEW_MS = 5_000
const SWEEP_MS = 1_000
const PRUNE_MS = 3_600_000
/** From when it is first taken. The official tools wait five minutes. */
const LIFE_MS = 240_000

/** What makes builds, and what it may not do. */
export interface Workshop {
  modules: Pick<Modules, 'resolve' | 'close'>
  bundles: KeptBundles
  /** Why nothing is built here. */
  refusal: string | undefined
}

/**
 * Makes what was asked for: installs the packages of a build, and lays its files out. A row is its own queue entry, as
 * an attempt's is.
 */
export class BuildQueue {
  readonly #ctx: Pick<Context, 'storage' | 'clock' | 'log'>
  readonly #workshop: Workshop
  readonly #complain: ReturnType<typeof complainSparingly>
  /** By sid. */
  readonly #underWay = new Map<string, Promise<void>>()
  #sweeping: Promise<void> = Promise.resolve()
  #stopSweeper = () => {}
  #closed = false
  #pruneAtMs: number

  constructor(ctx: Pick<Context, 'storage' | 'clock' | 'log'>, workshop: Workshop) {
    this.#ctx = ctx
    this.#workshop = workshop
    this.#complain = complainSparingly(ctx, 'builds could not be looked for; it will be tried again')
    this.#pruneAtMs = ctx.clock.now() + PRUNE_MS
  }

  /** Begins to look for what is due. */
  start(): void {
    const { storage } = this.#ctx
    // Nobody else can hold a lease there.
    if (storage.engine === 'sqlite')
      this.#sweeping = storage.system.write(freeBuilds).then(() => {}, this.#complain)
    this.#scheduleSweep()
  }

  /** Looks at once. To be called after the commit of the unit that queued one. */
  wake(): void {
    this.#follow(() => this.#sweep())
  }

  /** Takes no more, and leaves to others what is under way. Resolves when nothing is. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopSweeper()
    this.#workshop.modules.close()
    await this.drained()
  }

  /** Resolves when nothing is looked for and nothing is made here. */
  async drained(): Promise<void> {
    await this.#sweeping
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values())
  }

  #follow(look: () => Promise<void>): void {
    this.#sweeping = this.#sweeping.then(look).catch(this.#complain)
  }

  #scheduleSweep(): void {
    this.#stopSweeper = this.#ctx.clock.after(SWEEP_MS, () => {
      this.#follow(() => this.#sweep())
      void this.#sweeping.then(() => {
        if (!this.#closed) this.#scheduleSweep()
      })
    })
  }

  async #sweep(): Promise<void> {
    const { storage, clock } = this.#ctx
    const room = MAX_AT_ONCE - this.#underWay.size
    const due = room > 0 ? await listDueBuilds(storage.system.read, clock.now(), room) : []
    for (const build of due) await this.#take(build)
    if (clock.now() < this.#pruneAtMs) return
    this.#pruneAtMs = clock.now() + PRUNE_MS
    await this.#workshop.bundles.prune()
  }

  async #take(build: DueBuild): Promise<void> {
    const { storage, clock, log } = this.#ctx
    if (this.#closed || this.#underWay.size >= MAX_AT_ONCE || this.#underWay.has(build.sid)) return
    const nowMs = clock.now()
    const lease = { untilMs: nowMs + LEASE_MS }
    const taken = await storage.system.write((tx) =>
      leaseBuild(tx, build.sid, build.dueAtMs, { nowMs, ...lease }),
    )
    if (taken === 0) return
    const made = this.#make(build, lease, (build.begunAtMs ?? nowMs) + LIFE_MS)
      .catch((error: unknown) => {
        if (!this.#closed)
          log.error({ build_sid: build.sid, err: error }, 'build not made; it will be tried again')
      })
      .finally(() => this.#underWay.delete(build.sid))
    this.#underWay.set(build.sid, made)
  }

  async #make(build: DueBuild, lease: { untilMs: number }, deadlineMs: number): Promise<void> {
    const { storage, clock, log } = this.#ctx
    const stop = this.#keep(build, lease)
    const startedAtMs = clock.now()
    try {
      const result = await this.#tryMake(build, deadlineMs).catch((error: unknown) => {
        if (error instanceof BuildFailure)
          return { status: 'failed' as const, reason: error.message, lock: null }
        throw error
      })
      const { status, reason } = result
      log.info(
        {
          account_sid: build.accountSid,
          build_sid: build.sid,
          status,
          reason,
          ms: clock.now() - startedAtMs,
        },
        'build',
      )
      await stop()
      await storage.system.write((tx) =>
        settleBuild(tx, build.sid, lease.untilMs, { ...result, nowMs: clock.now() }),
      )
    } finally {
      await stop()
    }
  }

  /** Resolves to what becomes of it. Throws BuildFailure. */
  async #tryMake(build: DueBuild, deadlineMs: number) {
    const { refusal, modules, bundles } = this.#workshop
    if (refusal !== undefined) throw new BuildFailure(refusal)
    if (this.#ctx.clock.now() >= deadlineMs) throw new BuildFailure('It was not made within four minutes')
    const { sid: buildSid, accountSid, dependencies } = build
    const lock = await modules.resolve(JSON.parse(dependencies) as Dependency[], deadlineMs)
    const versions = await listVersionsOfBuild(this.#ctx.storage.read, accountSid, buildSid)
    const [functions, assets] = [byPath(versions, 'function'), byPath(versions, 'asset')]
    await bundles.ensure({ accountSid, buildSid, dependencies, lock, functions, assets })
    return { status: 'completed' as const, reason: null, lock }
  }

  /** Renews the lease until the returned function is called, which resolves when no renewal is under way. */
  #keep({ sid }: DueBuild, lease: { untilMs: number }): () => Promise<void> {
    const { storage, clock } = this.#ctx
    let renewal: Promise<void> = Promise.resolve()
    let cancel = () => {}
    let isOver = false
    const renew = async () => {
      const nowMs = clock.now()
      const next = { nowMs, untilMs: nowMs + LEASE_MS }
      const kept = await storage.system.write((tx) => leaseBuild(tx, sid, lease.untilMs, next))
      if (kept === 1) lease.untilMs = next.untilMs
    }
    const schedule = () => {
      cancel = clock.after(RENEW_MS, () => {
        renewal = renew()
          .catch(this.#complain)
          .then(() => {
            if (!isOver) schedule()
          })
      })
    }
    schedule()
    return async () => {
      isOver = true
      cancel()
      await renewal
    }
  }
}
