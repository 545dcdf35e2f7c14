import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Channel, Provider, SendResult } from './provider.ts'

const WINDOW_MS = 60_000
const MIN_CALLS = 20
const CONFIG_ERRORS_IN_A_ROW = 5
const OPEN_MS = 15_000
const MAX_OPEN_MS = 300_000
const TRIALS = 3

/**
 * Keeps traffic away from a provider that fails: opens at 20 calls a minute with half of them errors, or at five
 * refusals of our configuration in a row; after a while lets three calls try. What is wrong with a recipient is no
 * error of the provider's.
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

  /** 0 while calls may pass, else when the next may. */
  get closedUntilMs(): number {
    if (this.#opened === 0) return 0
    if (this.#clock.now() < this.#openUntilMs) return this.#openUntilMs
    return this.#trials < TRIALS ? 0 : this.#openUntilMs + OPEN_MS
  }

  /** To be called for each call that passes. */
  pass(): void {
    if (this.#opened > 0) this.#trials++
  }

  record(result: SendResult): void {
    const { outcome } = result
    const isConfig = outcome === 'rejected' && (result.kind === 'config' || result.kind === 'funds')
    const isError = outcome === 'busy' || outcome === 'unknown' || isConfig
    if (this.#opened > 0) {
      if (isError) this.#open()
      else this.#close()
      return
    }
    const now = this.#clock.now()
    if (now - this.#windowStartMs > WINDOW_MS) {
      this.#windowStartMs = now
      this.#calls = 0
      this.#errors = 0
    }
    this.#calls++
    if (isError) this.#errors++
    this.#configErrors = isConfig ? this.#configErrors + 1 : 0
    const failing = this.#calls >= MIN_CALLS && this.#errors * 2 >= this.#calls
    if (failing || this.#configErrors >= CONFIG_ERRORS_IN_A_ROW) this.#open()
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
