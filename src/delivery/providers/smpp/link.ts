import type { ProviderWorld } from '../../provider.ts'
import type { SmppOptions } from './options.ts'
import { type Role, Session, type SessionEvents } from './session.ts'
import { isBindRefusal, statusCode } from './status.ts'

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 30_000
/** A session that lived this long was a good one: the next failure is a first failure again. */
const STABLE_MS = 10_000

export interface Link {
  readonly role: Role
  /** Bound and usable, or undefined. */
  session(): Session | undefined
  /** Why there is no session. */
  trouble(): string
  /** Unbinds and does not come back. */
  close(): Promise<void>
}

/**
 * Keeps one session bound: full jitter of 100 ms × 2^n up to 30 s between tries, and 30 s at once after a refusal
 * that trying does not heal. `changed` is called when the session comes or goes.
 */
export function openLink(
  options: SmppOptions,
  role: Role,
  world: Pick<ProviderWorld, 'clock' | 'random' | 'log'>,
  events: Pick<SessionEvents, 'message' | 'room'> & { changed(): void },
): Link {
  const { clock, random, log } = world
  let current: Session
  let isBound = false
  let isClosing = false
  let trouble = 'connecting'
  let failures = 0
  let cancelRetry = () => {}

  function retryIn(delayMs: number) {
    if (!isClosing) cancelRetry = clock.after(delayMs, () => void connect())
  }

  function backOffMs(): number {
    const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures++, 20))
    return random.int(ceiling) + 1
  }

  async function connect() {
    let boundAtMs = 0
    const session = new Session(options, clock, {
      ...events,
      ended(reason) {
        trouble = reason
        if (!isBound || session !== current) return
        isBound = false
        if (clock.now() - boundAtMs >= STABLE_MS) failures = 0
        if (!isClosing) log.warn({ host: options.host, role, reason }, 'SMPP session lost')
        retryIn(backOffMs())
        events.changed()
      },
    })
    current = session
    const failure = await session.bind(role)
    if (isClosing) return session.destroy('closing')
    if (failure === undefined) {
      boundAtMs = clock.now()
      isBound = true
      log.info({ host: options.host, role }, 'SMPP session bound')
      return events.changed()
    }

    // A session that came to its end by itself has said why; that tells more than 'connection_lost'.
    if (typeof failure === 'number') trouble = `bind refused: ${statusCode(failure)}`
    else if (failure === 'timeout') trouble = 'bind timed out'
    session.destroy(trouble)
    log.warn({ host: options.host, role, reason: trouble }, 'SMPP bind failed')
    const isRefused = typeof failure === 'number' && isBindRefusal(failure)
    retryIn(isRefused ? MAX_DELAY_MS : backOffMs())
    events.changed()
  }

  void connect()

  return {
    role,
    session: () => (isBound ? current : undefined),
    trouble: () => trouble,
    async close() {
      isClosing = true
      cancelRetry()
      if (isBound) await current.unbind()
      else current.destroy('closing')
    },
  }
}
