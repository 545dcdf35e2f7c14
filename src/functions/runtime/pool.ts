import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { BuildFailure } from '../builds/failure.ts'
import type { Deployed } from '../deployed.ts'
import type { FunctionLogs } from '../logs/log.ts'
import type { Invocation, Outcome } from './pools.ts'
import type { Level } from './protocol.ts'
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
/** After one could not even be started: until then nobody waits for the next, and npm is not asked again. */
const FAILED_START_MS = 5_000
const IDLE_END_MS = 5 * 60_000

/** What a function's log says of an outcome before its reason. */
const BAD_ENDS = {
  crashed: 'runtime application exited',
  broken: 'runtime application answered what cannot be sent',
} as const
const NOT_STARTED = 'runtime application could not be started'

interface Failure {
  /** For who runs the server. */
  reason: string
  /** To the function's log. */
  told: string
  atMs: number
}

interface Waiting {
  invocation: Invocation
  sinceMs: number
  settle(outcome: Outcome): void
}

export interface PoolWorld {
  clock: Clock
  logs: Pick<FunctionLogs, 'add'>
  log: Pick<Log, 'error'>
  /** Starts a child that runs this, or says why it cannot. */
  start(deployed: Deployed, events: RunnerEvents): Promise<Runner>
  /** Whether memory is left for one more of an account; `first` where an environment has none. */
  mayStart(accountSid: string, isFirst: boolean): boolean
  /** Whether an account has so much of the memory that others find no room for their first. */
  hasTooMuch(accountSid: string): boolean
}

/** The children of one environment at one revision, and the invocations that wait for one of them. */
export class Pool {
  readonly deployed: Deployed
  readonly #world: PoolWorld
  readonly #runners = new Set<Runner>()
  /** The last used first, so that those that are not needed end. */
  readonly #idle: Runner[] = []
  #waiting: Waiting[] = []
  /** Invocations that a child has been given. One whose child has ended may come back to those that wait. */
  #underWay = 0
  /** Children, from the decision to start one until it has ended. */
  #count = 0
  /** Of these, the ones that are not ready yet. */
  #starting = 0
  #crashes = 0
  #crashedAtMs = 0
  /** Of the last start that failed. */
  #failure: Failure | undefined
  /** At the last try to start one. */
  #lacksMemory = false
  #isRetired = false
  #isClosed = false

  constructor(deployed: Deployed, world: PoolWorld) {
    this.deployed = deployed
    this.#world = world
  }

  get runners(): Iterable<Runner> {
    return this.#runners
  }

  /** Children that are to be, and have no process yet. */
  get expected(): number {
    return this.#count - this.#runners.size
  }

  /** Whether somebody waits for a first child, and only memory is missing. */
  get isHungry(): boolean {
    return this.#lacksMemory && this.#count === 0 && this.#waiting.length > 0
  }

  get isEmpty(): boolean {
    return this.#count + this.#waiting.length + this.#underWay === 0
  }

  /** True while something is under way, so that limits have to be watched. */
  get isActive(): boolean {
    return this.#waiting.length + this.#underWay > 0 || this.#idle.length < this.#count
  }

  invoke(invocation: Invocation): Promise<Outcome> {
    return new Promise((settle) => {
      const waiting = { invocation, sinceMs: this.#world.clock.now(), settle }
      const runner = this.#idle.pop()
      if (runner) this.#run(runner, waiting)
      else if (this.#count === 0 && this.#hasJustFailed(this.#failure)) this.#refuse(waiting, this.#failure)
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

  /** Ends all, but for what is being started: that ends as soon as it has. */
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
    if (this.#count >= MAX_CHILDREN || this.#isResting()) return
    this.#lacksMemory = !this.#world.mayStart(this.deployed.accountSid, this.#count === 0)
    if (this.#lacksMemory) return
    this.#count++
    this.#starting++
    this.#start().catch((error: unknown) => {
      this.#count--
      this.#starting--
      const reason = error instanceof Error ? error.message : String(error)
      // What else went wrong is for who runs the server.
      const told = error instanceof BuildFailure ? `${NOT_STARTED}: ${reason}` : NOT_STARTED
      this.#failure = { reason, told, atMs: this.#world.clock.now() }
      this.#fail(this.#failure)
    })
  }

  #hasJustFailed(failure: Failure | undefined): failure is Failure {
    return failure !== undefined && this.#world.clock.now() - failure.atMs < FAILED_START_MS
  }

  #isResting(): boolean {
    if (this.#hasJustFailed(this.#failure)) return true
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
      log: (invocation, level, message, lines) => this.#log(invocation, level, message, lines),
      ended: (outcome) => {
        this.#count--
        this.#runners.delete(runner)
        const at = this.#idle.indexOf(runner)
        if (at >= 0) this.#idle.splice(at, 1)
        if (outcome.outcome === 'crashed' || outcome.outcome === 'untouched') {
          this.#crashes++
          this.#crashedAtMs = this.#world.clock.now()
        }
        if (hasStarted) return
        this.#starting--
        const reason = 'reason' in outcome ? outcome.reason : outcome.outcome
        if (!this.#isClosed) this.#fail({ reason, told: NOT_STARTED })
      },
    })
    this.#runners.add(runner)
    if (this.#isClosed) runner.end()
  }

  /** One could not be started. Without any other, whoever waits need not wait longer. */
  #fail(failure: Omit<Failure, 'atMs'>): void {
    const { environmentSid } = this.deployed
    this.#world.log.error({ environmentSid, reason: failure.reason }, 'A process for Functions did not start')
    if (this.#count > 0) return
    for (const waiting of this.#waiting.splice(0)) this.#refuse(waiting, failure)
  }

  #refuse({ invocation, settle }: Waiting, { reason, told }: Omit<Failure, 'atMs'>): void {
    this.#log(invocation, 'error', told)
    settle({ outcome: 'crashed', reason })
  }

  #free(runner: Runner): void {
    const isWaitedFor = this.#waiting.length > 0
    const mustGo = isWaitedFor ? this.#world.hasTooMuch(this.deployed.accountSid) : this.#isRetired
    const next = mustGo ? undefined : this.#waiting.shift()
    if (mustGo) runner.end()
    else if (next) this.#run(runner, next)
    else this.#idle.push(runner)
  }

  #run(runner: Runner, waiting: Waiting): void {
    this.#underWay++
    void runner.invoke(waiting.invocation).then((outcome) => {
      this.#underWay--
      if (outcome.outcome === 'untouched') this.#waiting.unshift(waiting)
      else {
        if (outcome.outcome === 'crashed' || outcome.outcome === 'broken')
          this.#log(waiting.invocation, 'error', `${BAD_ENDS[outcome.outcome]}: ${outcome.reason}`)
        waiting.settle(outcome)
      }
      if (runner.isIdle) this.#free(runner)
      else if (this.#waiting.length > 0) this.#grow()
    })
  }

  #log({ path, requestSid }: Invocation, level: Level, message: string, lines = 1): void {
    const functionSid = this.deployed.functions.get(path)?.resourceSid ?? null
    this.#world.logs.add({ deployed: this.deployed, functionSid, requestSid, level, message, lines })
  }
}
