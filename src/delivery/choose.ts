import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Channel, Provider, SendResult } from './provider.ts'

const WINDOW_MS = 60_000
const MIN_CALLS = 20
const CONFIG_ERRORS_IN_A_ROW = 5
const OPEN_MS = 15_000
const MAX_OPEN_MS = 30_000
const TRIALS = 3
/** Until the trials have told how the provider is. */
const TRIAL_MS = 1_000

/**
 * Keeps traffic away from a provider that fails: opens at 20 calls a minute with half of them errors, or at five
 * refusals of our configuration in a row; after a while lets three calls try. What is wrong with a recipient is no
 * error of the provider's, nor is that it asks for patience.
 */
export class Circuit {
  readonly #clock: Clock
  #windowStartMs = 0
  #calls = 0
  #errors = 0
  #configErrors = 0
  #openUntilMs = 0
  #opened = 0
  #trials = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long no call may pass, in ms; 0 while calls may. */
  get waitMs(): number {
    if (this.#opened === 0) return 0
    const openMs = this.#openUntilMs - this.#clock.now()
    if (openMs > 0) return openMs
    return this.#trials < TRIALS ? 0 : TRIAL_MS
  }

  /** How many calls may begin now. */
  get room(): number {
    if (this.#opened === 0) return Number.POSITIVE_INFINITY
    return this.waitMs > 0 ? 0 : TRIALS - this.#trials
  }

  /** Begins a call; the returned function has to be given what came of it. */
  begin(): (result: SendResult) => void {
    const opened = this.#opened
    if (opened > 0) this.#trials++
    return (result) => {
      // A call that is older than the circuit's state says nothing about it.
      if (opened !== this.#opened) return
      if (result.outcome === 'untried') {
        if (opened > 0) this.#trials--
        return
      }
      const isConfig = result.outcome === 'rejected' && (result.kind === 'config' || result.kind === 'funds')
      const isAway = result.outcome === 'busy' && result.retryAfterMs === undefined
      const isError = isAway || result.outcome === 'unknown' || isConfig
      if (opened > 0) return isError ? this.#open() : this.#close()
      this.#count(isError, isConfig)
    }
  }

  #count(isError: boolean, isConfig: boolean): void {
    const now = this.#clock.now()
    if (now - this.#windowStartMs > WINDOW_MS) {
      this.#windowStartMs = now
      this.#calls = 0
      this.#errors = 0
    }
    this.#calls++
    if (isError) this.#errors++
    this.#configErrors = isConfig ? this.#configErrors + 1 : 0
    const isFailing = this.#calls >= MIN_CALLS && this.#errors * 2 >= this.#calls
    if (isFailing || this.#configErrors >= CONFIG_ERRORS_IN_A_ROW) this.#open()
  }

  #open(): void {
    this.#openUntilMs = this.#clock.now() + Math.min(MAX_OPEN_MS, OPEN_MS * 2 ** this.#opened)
    this.#opened++
    this.#trials = 0
  }

  #close(): void {
    this.#opened = 0
    this.#trials = 0
    this.#calls = 0
    this.#errors = 0
    this.#configErrors = 0
  }
}

export interface Route {
  provider: Provider
  circuit: Circuit
}

/** Which providers carry a channel, in the order of the configuration. */
export function planRoutes(
  config: Config,
  providers: ReadonlyMap<string, Provider>,
  clock: Clock,
): ReadonlyMap<Channel, Route[]> {
  const routes = new Map(
    [...providers].map(([id, provider]) => [id, { provider, circuit: new Circuit(clock) }]),
  )
  return new Map(
    Object.entries(config.channels).map(([channel, ids]) => [
      channel as Channel,
      ids.flatMap((id) => routes.get(id) ?? []),
    ]),
  )
}
