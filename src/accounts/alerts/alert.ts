import type { Context } from '../../context.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { findAlert, insertAlert } from './store.ts'

const MINUTE_MS = 60_000
/** Of one account and error, in a minute: what is beyond is told in one alert more. */
const MAX_ALIKE = 10
/** Not written yet, of all accounts. What is beyond is in the log only. */
const MAX_WAITING = 1_000

/** Something that went wrong and that somebody should look at. Never holds a code, a secret or a whole recipient. */
export interface Alert {
  sid: string
  accountSid: string
  logLevel: 'error' | 'warning'
  errorCode: string
  text: string
  resourceSid: string
  serviceSid: string | null
  requestMethod: 'GET' | 'POST' | null
  requestUrl: string | null
  createdAtMs: number
}

export interface AlertInput
  extends Pick<Alert, 'accountSid' | 'errorCode' | 'text' | 'resourceSid'>,
    Partial<Pick<Alert, 'logLevel' | 'serviceSid' | 'requestMethod' | 'requestUrl'>> {}

/**
 * Alerts on their way to the database: whatever fails by the thousand is told ten times a minute, with how many more
 * there were. They are written within seconds, and lost with a process that dies before.
 */
export interface Alerts {
  raise(alert: AlertInput): void
  /** Writes what waits, and the counts of minutes that are over; of all minutes with `all`. */
  flush(options?: { all?: boolean }): Promise<void>
}

interface Tally {
  minute: number
  first: AlertInput
  beyond: number
  count: number
}

export function keepAlerts({
  clock,
  random,
  storage,
  log,
}: Pick<Context, 'clock' | 'random' | 'storage' | 'log'>): Alerts {
  const tallies = new Map<string, Tally>()
  let waiting: Alert[] = []
  let flushing: Promise<void> = Promise.resolve()

  function enqueue(input: AlertInput): void {
    if (waiting.length >= MAX_WAITING) {
      log.warn({ account_sid: input.accountSid, error_code: input.errorCode }, 'alert dropped: too many wait')
      return
    }
    const now = clock.now()
    waiting.push({
      sid: newSid('NO', 0, now, random),
      logLevel: 'error',
      serviceSid: null,
      requestMethod: null,
      requestUrl: null,
      ...input,
      createdAtMs: now,
    })
  }

  function raise(input: AlertInput): void {
    const minute = Math.floor(clock.now() / MINUTE_MS)
    const key = `${minute} ${input.accountSid} ${input.errorCode}`
    const tally = tallies.get(key) ?? { minute, first: input, count: 0, beyond: 0 }
    if (tallies.size < MAX_WAITING) tallies.set(key, tally)
    if (++tally.count <= MAX_ALIKE) enqueue(input)
    else tally.beyond++
  }

  async function write(all: boolean): Promise<void> {
    const thisMinute = Math.floor(clock.now() / MINUTE_MS)
    for (const [key, { minute, first, beyond }] of tallies) {
      if (!all && minute === thisMinute) continue
      tallies.delete(key)
      if (beyond > 0) enqueue({ ...first, text: `${beyond} more within a minute, the first: ${first.text}` })
    }
    // A copy: what is raised during the commit is not among what was written.
    const written = [...waiting]
    if (written.length === 0) return
    await storage.system.write((tx) => Promise.all(written.map((alert) => insertAlert(tx, alert))))
    waiting = waiting.slice(written.length)
  }

  return {
    raise,
    flush({ all = false } = {}) {
      // One at a time: what is being written still waits.
      flushing = flushing.catch(() => {}).then(() => write(all))
      return flushing
    },
  }
}

/** Throws 20404. */
export async function fetchAlert(ctx: Context, accountSid: string, sid: string): Promise<Alert> {
  const alert = await findAlert(ctx.storage.read, accountSid, sid)
  if (!alert) throw fail.notFound(`/Alerts/${sid}`)
  return alert
}
