import type { Clock } from '../../../clock.ts'
import { type Draft, relativeTime } from './compose.ts'
import type { SmppOptions } from './options.ts'
import type { Pace } from './pace.ts'
import { COMMAND, encodeMessage } from './pdu.ts'
import type { Answer, Session } from './session.ts'

/** Nothing of it left this process. */
export type NotSent = 'not_connected' | 'no_room' | 'queue_full' | 'aborted' | 'expired'

export interface Dispatch {
  /** How many more would leave within `LOOK_AHEAD_MS`, as windows and pace allow. */
  capacity(): number
  submit(draft: Draft, expiresAtMs: number, signal: AbortSignal): Promise<Answer | NotSent>
  /** Sends what may be sent now; to be called when a session has room, comes or goes. */
  pump(): void
}

interface Job {
  draft: Draft
  expiresAtMs: number
  hasLeft: boolean
  finish(outcome: Answer | NotSent): void
}

const MAX_WAITING = 1000
const LOOK_AHEAD_MS = 1000
/** Long enough for the first reconnect, short enough for another provider to be tried. */
const CONNECT_WAIT_MS = 500

/** The line in front of the sessions: first come, first sent, as windows and pace allow. */
export function createDispatch(
  options: Pick<SmppOptions, 'request_timeout_ms' | 'validity_s' | 'window'>,
  clock: Clock,
  pace: Pace,
  sessions: () => Session[],
): Dispatch {
  const waiting = new Set<Job>()
  let cancelPump = () => {}
  let isWaitingForSession = false

  function freest(bound: Session[]): Session | undefined {
    return bound
      .filter((session) => session.hasRoom)
      .reduce<Session | undefined>((a, b) => (a && a.inFlight <= b.inFlight ? a : b), undefined)
  }

  function leave(job: Job, session: Session) {
    waiting.delete(job)
    job.hasLeft = true
    const secondsLeft = Math.ceil((job.expiresAtMs - clock.now()) / 1000)
    const validityPeriod = relativeTime(Math.min(options.validity_s, secondsLeft))
    const body = encodeMessage({ ...job.draft, validityPeriod })
    void session.request(COMMAND.submitSm, body).then(job.finish)
  }

  function pump() {
    cancelPump()
    const bound = sessions()
    if (bound.length === 0) return waitForSession()
    for (const job of waiting) {
      if (clock.now() >= job.expiresAtMs) {
        job.finish('expired')
        continue
      }
      const session = freest(bound)
      if (!session) return
      const waitMs = pace.take()
      if (waitMs > 0) {
        cancelPump = clock.after(waitMs, pump)
        return
      }
      leave(job, session)
    }
  }

  function waitForSession() {
    if (isWaitingForSession || waiting.size === 0) return
    isWaitingForSession = true
    clock.after(CONNECT_WAIT_MS, () => {
      isWaitingForSession = false
      if (sessions().length === 0) for (const job of waiting) job.finish('not_connected')
    })
  }

  return {
    pump,
    capacity() {
      const bound = sessions()
      // Without a session all are told so, soon.
      if (bound.length === 0) return MAX_WAITING - waiting.size
      return Math.min(pace.within(LOOK_AHEAD_MS), bound.length * options.window) - waiting.size
    },
    submit(draft, expiresAtMs, signal) {
      if (signal.aborted) return Promise.resolve('aborted')
      if (waiting.size >= MAX_WAITING) return Promise.resolve('queue_full')
      return new Promise((resolve) => {
        const cancelWait = clock.after(options.request_timeout_ms, () => {
          if (!job.hasLeft) job.finish('no_room')
        })
        const onAbort = () => job.finish(job.hasLeft ? 'timeout' : 'aborted')
        const job: Job = {
          draft,
          expiresAtMs,
          hasLeft: false,
          finish(outcome) {
            waiting.delete(job)
            cancelWait()
            signal.removeEventListener('abort', onAbort)
            resolve(outcome)
          },
        }
        signal.addEventListener('abort', onAbort, { once: true })
        waiting.add(job)
        pump()
      })
    },
  }
}
