import type { Clock } from '../../clock.ts'
import type { Deployed } from '../deployed.ts'
import type { FunctionLogs } from '../logs/log.ts'
import type { Invocation, Outcome } from './pools.ts'
import type { Runner, RunnerEvents } from './runner.ts'

export const MAX_CHILDREN = 10
const MAX_WAITING = 200
const MAX_WAIT_MS = 2_000
/** Who has waited this long is worth one more child: one at each look, since a short stall is over by then. */
const GROW_AFTER_MS = 50
/** Between a crash and the next start; it doubles with each, so that starting does not become all that there is. */
const RESTART_MS = 25
const MAX_RESTART_MS = 500
/** Without another. */
const FORGET_CRASHES_MS = 5_000
const IDLE_END_MS = 5 * 60_000

interface Waiting {
  invocation: Invocation
  sinceMs: number
  settle(outcome: Outcome): void
}

export interface PoolWorld {
  clock: Clock
  logs: Pick<FunctionLogs, 'add'>
  /** Starts a child that runs this, or says why it cannot. */
  start(deployed: Deployed, events: RunnerEvents): Promise<Runner>
  /** Whether memory is left for one more; `first` where an environment has none. */
  mayStart(isFirst: boolean): boolean
}

/** The children of one environment at one revision, and the invocations that wait for one of them. */
export class Pool {
  readonly deployed: Deployed
  readonly #world: PoolWorld
  readonly #runners = new Set<Runner>()
  /** The last used first, so that those that are not needed end. */
  readonly #idle: Runner[] = []
  #waiting: Waiting[] = []
  /** Children, from the decision to start one until it has ended. */
  #count = 0
  /** Of these, the ones that are not ready yet. */
  #starting = 0
  #crashes = 0
  #crashedAtMs = 0
  #isRetired = false
  #isClosed = false

  constructor(deployed: Deployed, world: PoolWorld) {
    this.deployed = deployed
    this.#world = world
  }

  get runners(): Iterable<Runner> {
    return this.#runners
  }

  get isEmpty(): boolean {
    return this.#count + this.#waiting.length === 0
  }

  /** True while something is under way, so that limits have to be watched. */
  get isActive(): boolean {
    return this.#waiting.length > 0 || this.#idle.length < this.#count
  }

  invoke(invocation: Invocation): Promise<Outcome> {
    return new Promise((settle) => {
      const waiting = { invocation, sinceMs: this.#world.clock.now(), settle }
      const runner = this.#idle.pop()
      if (runner) this.#run(runner, waiting)
      else if (this.#waiting.length >= MAX_WAITING) settle({ outcome: 'busy' })
      else {
        this.#waiting.push(waiting)
        // More than one only where one does not suffice: see `watch`.
        if (this.#count === 0) this.#grow()
      }
    })
  }

  /** Ends idle children now, the others when they are done. */
  retire(): void {
    this.#isRetired = true
    for (const runner of [...this.#idle]) runner.end()
  }

  /** Ends all. */
  close(): void {
    this.#isClosed = true
    for (const { settle } of this.#waiting.splice(0)) settle({ outcome: 'busy' })
    for (const runner of this.#runners) runner.end()
  }

  /** Holds children to their limits, turns away who has waited too long, and grows where somebody waits. */
  watch(): void {
    const { clock } = this.#world
    for (const runner of this.#runners) {
      runner.watch()
      if (runner.isIdle && clock.now() - runner.idleSinceMs >= IDLE_END_MS) runner.end()
    }
    while (this.#waiting[0] && clock.now() - this.#waiting[0].sinceMs >= MAX_WAIT_MS)
      this.#waiting.shift()?.settle({ outcome: 'busy' })
    const [first] = this.#waiting
    if (first && clock.now() - first.sinceMs >= GROW_AFTER_MS && this.#waiting.length > this.#starting)
      this.#grow()
  }

  /** Starts one more child, if there is room for it. */
  #grow(): void {
    if (this.#count >= MAX_CHILDREN || this.#isResting() || !this.#world.mayStart(this.#count === 0)) return
    this.#count++
    this.#starting++
    this.#start().catch((error: unknown) => {
      this.#count--
      this.#starting--
      this.#fail(error instanceof Error ? error.message : String(error))
    })
  }

  #isResting(): boolean {
    if (this.#crashes === 0) return false
    const ms = this.#world.clock.now() - this.#crashedAtMs
    if (ms >= FORGET_CRASHES_MS) this.#crashes = 0
    return ms < Math.min(MAX_RESTART_MS, RESTART_MS * 2 ** this.#crashes)
  }

  async #start(): Promise<void> {
    let hasStarted = false
    const runner = await this.#world.start(this.deployed, {
      ready: () => {
        hasStarted = true
        this.#starting--
        this.#free(runner)
      },
      log: ({ path, requestSid }, level, message) => {
        const functionSid = this.deployed.functions.get(path)?.resourceSid ?? null
        this.#world.logs.add({ deployed: this.deployed, functionSid, requestSid, level, message })
      },
      ended: (outcome) => {
        this.#count--
        this.#runners.delete(runner)
        const at = this.#idle.indexOf(runner)
        if (at >= 0) this.#idle.splice(at, 1)
        if (outcome.outcome === 'crashed') {
          this.#crashes++
          this.#crashedAtMs = this.#world.clock.now()
        }
        if (hasStarted) return
        this.#starting--
        this.#fail('reason' in outcome ? outcome.reason : outcome.outcome)
      },
    })
    this.#runners.add(runner)
    if (this.#isClosed) runner.end()
  }

  /** One could not be started. Without any other, whoever waits need not wait longer. */
  #fail(reason: string): void {
    if (this.#count > 0) return
    for (const { settle } of this.#waiting.splice(0)) settle({ outcome: 'crashed', reason })
  }

  #free(runner: Runner): void {
    const next = this.#waiting.shift()
    if (next) this.#run(runner, next)
    else if (this.#isRetired) runner.end()
    else this.#idle.push(runner)
  }

  #run(runner: Runner, waiting: Waiting): void {
    void runner.invoke(waiting.invocation).then((outcome) => {
      if (outcome.outcome === 'untouched') this.#waiting.unshift(waiting)
      else waiting.settle(outcome)
      if (runner.isIdle) this.#free(runner)
      else if (this.#waiting.length > 0) this.#grow()
    })
  }
}
