import type { Context } from '../../context.ts'
import { fail } from '../../http/errors.ts'
import { sidFloor } from '../../storage/sid.ts'
import type { Deployed } from '../deployed.ts'
import type { Environment } from '../environments/environment.ts'
import { findLine, insertLine } from './store.ts'

/** What a function said, or what became of it. */
export interface LogLine {
  sid: string
  accountSid: string
  serviceSid: string
  environmentSid: string
  buildSid: string | null
  deploymentSid: string | null
  functionSid: string | null
  requestSid: string
  level: 'info' | 'warn' | 'error'
  message: string
  createdAtMs: number
}

/**
 * Lines on their way to the database. They are flushed once a second; what an environment says beyond its bounds
 * meanwhile is one line that tells how much it was. Lost with a process that dies before.
 */
export interface FunctionLogs {
  add(line: {
    deployed: Deployed
    functionSid: string | null
    requestSid: string
    level: LogLine['level']
    message: string
    /** How many it stands for, where it tells of lines that were dropped already; else it is one. */
    lines?: number
  }): void
  flush(): Promise<void>
}

type Said = Parameters<FunctionLogs['add']>[0]

/** Of one environment, between two flushes. */
const MAX_LINES = 1_000
const MAX_CHARACTERS = 1024 * 1024
/** Of one line: the rest is cut off. */
const MAX_MESSAGE = 16 * 1024
/** So that no unit of work keeps others waiting. */
const BITE = 250

interface Waiting {
  lines: LogLine[]
  characters: number
  dropped: number
  /** What the line about the dropped ones is made of. */
  last: Said | undefined
}

export function keepFunctionLogs({
  clock,
  random,
  storage,
  placementOf,
}: Pick<Context, 'clock' | 'random' | 'storage' | 'placementOf'>): FunctionLogs {
  const waiting = new Map<string, Waiting>()
  let flushing: Promise<void> = Promise.resolve()
  let count = 0

  /** As other sids, but for those of one millisecond: they come in the order in which the lines were said. */
  function nextSid(environmentSid: string, nowMs: number): string {
    count = (count + 1) % 2 ** 24
    const turn = count.toString(16).padStart(6, '0')
    return sidFloor('NO', placementOf(environmentSid), nowMs) + turn + random.bytes(6).toString('hex')
  }

  function toLine({ deployed, functionSid, requestSid, level, message }: Said): LogLine {
    const { accountSid, serviceSid, environmentSid, buildSid, deploymentSid } = deployed
    const now = clock.now()
    return {
      sid: nextSid(environmentSid, now),
      accountSid,
      serviceSid,
      environmentSid,
      buildSid,
      deploymentSid,
      functionSid,
      requestSid,
      level,
      // The databases take no NUL, and no half of a pair.
      message: message.slice(0, MAX_MESSAGE).replaceAll('\0', '\ufffd').toWellFormed(),
      createdAtMs: now,
    }
  }

  async function write(): Promise<void> {
    for (const [environmentSid, own] of waiting) {
      tellDropped(own)
      // No more than there are now: an environment that never ends must not keep the others waiting.
      for (let left = own.lines.length; left > 0; left -= BITE) {
        const bite = own.lines.slice(0, Math.min(BITE, left))
        await storage.system.write((tx) => Promise.all(bite.map((line) => insertLine(tx, line))))
        own.lines.splice(0, bite.length)
        own.characters -= lengthOf(bite)
      }
      if (own.lines.length === 0 && !own.last) waiting.delete(environmentSid)
    }
  }

  function tellDropped(own: Waiting): void {
    if (!own.last) return
    const line = toLine({ ...own.last, level: 'warn', message: `${own.dropped} more lines were dropped` })
    own.lines.push(line)
    own.characters += line.message.length
    own.dropped = 0
    own.last = undefined
  }

  return {
    add(said) {
      const sid = said.deployed.environmentSid
      const own = waiting.get(sid) ?? { lines: [], characters: 0, dropped: 0, last: undefined }
      waiting.set(sid, own)
      if (own.lines.length < MAX_LINES && own.characters < MAX_CHARACTERS) {
        const line = toLine(said)
        own.lines.push(line)
        own.characters += line.message.length
      } else {
        own.dropped += said.lines ?? 1
        own.last = said
      }
    },
    flush() {
      // One at a time. What could not be written waits for the next.
      flushing = flushing.catch(() => {}).then(write)
      return flushing
    },
  }
}

const lengthOf = (lines: readonly LogLine[]) => lines.reduce((sum, { message }) => sum + message.length, 0)

/** Throws 20404. */
export async function fetchLine(ctx: Context, environment: Environment, sid: string): Promise<LogLine> {
  const line = await findLine(ctx.storage.read, environment.accountSid, environment.sid, sid)
  if (!line) throw fail.notFound(`/Logs/${sid}`)
  return line
}
