import type { ChildProcess } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import type { Clock } from '../../clock.ts'
import { headersForEvent, judge, MAX_ANSWER_BYTES } from './answer.ts'
import type { Launched } from './launch.ts'
import { processorMs, residentBytes } from './memory.ts'
import type { Invocation, Outcome } from './pools.ts'
import {
  type AnswerHead,
  encodeFrame,
  FrameReader,
  type InvokeHead,
  KIND,
  type Level,
  type LogHead,
  type StartHead,
} from './protocol.ts'
import { readLines } from './read-lines.ts'

const MB = 1024 * 1024
const TIME_LIMIT_MS = 10_000
const MEMORY_LIMIT_BYTES = 256 * MB
/** Of a child at rest, until it has been measured. */
export const EXPECTED_BYTES = 48 * MB
/** A child that does not even begin an invocation is busy with what an earlier one left behind. */
const BEGIN_LIMIT_MS = 1_000
/** Of the processor's time, for a child that has nothing to do. */
const IDLE_LIMIT_MS = 200
/** From the end of its channel to that of the process. */
const EXIT_MS = 100
/** Of what a child says that does not start. */
const MAX_TROUBLE = 1_000
/** Of what a child tells; the head of an answer holds its headers. */
const FRAME_LIMITS = {
  maxBytes: MAX_ANSWER_BYTES + 512 * 1024,
  maxHeadBytes: { [KIND.ready]: 64, [KIND.log]: 64, [KIND.answer]: 256 * 1024 },
}
/** Of an invocation; the child drops what is more. */
export const MAX_LOG_LINES = 1_000
export const MAX_LOG_BYTES = 256 * 1024
export const MAX_LINE_BYTES = 4_096
/** From one invocation to the next: twice the log, of the invocation and of what it left behind, and the answer. */
const MAX_FRAMES = 2 * MAX_LOG_LINES + 10
const MAX_TOLD_BYTES = 48 * MB

export interface RunnerEvents {
  /** Its first invocation may come. */
  ready(): void
  /** `lines`: how many the message stands for. */
  log(invocation: Invocation, level: Level, message: string, lines: number): void
  /** Once, when it takes no more. */
  ended(outcome: RunOutcome): void
}

/** `untouched`: it never began; another child may do it. */
export type RunOutcome = Outcome | { outcome: 'untouched' }

interface Run {
  invocation: Invocation
  startedAtMs: number
  number: number
  settle(outcome: RunOutcome): void
}

/** One child process. It has one invocation at a time, and is ended by whatever breaks a limit. */
export class Runner {
  readonly #clock: Clock
  readonly #process: ChildProcess
  readonly #channel: Duplex
  readonly #events: RunnerEvents
  readonly #launched: Launched
  readonly #startedAtMs: number
  #state: 'starting' | 'idle' | 'busy' | 'ended' = 'starting'
  #run: Run | undefined
  #last: Invocation | undefined
  /** Of the process that runs the functions: not of what wraps it. */
  #pid: number | undefined
  #invocations = 0
  #lines = 0
  #frames = 0
  #toldBytes = 0
  /** Said before its first invocation: why it does not start. */
  #trouble = ''
  #resumeOutput: (() => void)[] = []
  /** Of the processor's time, what it had used when it became idle. */
  #idleFromMs: number | undefined
  idleSinceMs = 0
  memoryBytes = EXPECTED_BYTES

  constructor(clock: Clock, launched: Launched, start: StartHead, events: RunnerEvents) {
    const { process } = launched
    this.#clock = clock
    this.#process = process
    this.#events = events
    this.#launched = launched
    this.#startedAtMs = clock.now()
    this.#channel = process.stdio[3] as Duplex
    const reader = new FrameReader(FRAME_LIMITS, (kind, head, body) => this.#take(kind, head, body))
    this.#channel.on('data', (chunk: Buffer) => {
      this.#toldBytes += chunk.length
      try {
        reader.push(chunk)
      } catch {
        this.end({ outcome: 'broken', reason: 'what it wrote makes no sense, or is too large' })
      }
    })
    // The last that is heard of a process, after all that it wrote.
    this.#channel.on('close', () => this.#lose())
    this.#channel.on('error', () => {})
    process.on('error', ({ message }) => this.end({ outcome: 'crashed', reason: message }))
    for (const [stream, level] of [
      [process.stdout, 'info'],
      [process.stderr, 'error'],
    ] as const)
      this.#resumeOutput.push(readLines(stream as Readable, MAX_LINE_BYTES, (line) => this.#log(level, line)))
    this.#channel.write(encodeFrame(KIND.start, start))
  }

  get isIdle(): boolean {
    return this.#state === 'idle'
  }

  /** Only while it is idle. */
  invoke(invocation: Invocation): Promise<RunOutcome> {
    const { path, domainName, query, headers, body, accountSid, authToken } = invocation
    const number = ++this.#invocations
    const head: InvokeHead = {
      number,
      path,
      domainName,
      query,
      headers: headersForEvent(headers),
      ...(authToken !== undefined && { accountSid, authToken }),
    }
    this.#state = 'busy'
    this.#last = invocation
    this.#lines = this.#frames = this.#toldBytes = 0
    for (const resume of this.#resumeOutput) resume()
    return new Promise((settle) => {
      this.#run = { invocation, number, startedAtMs: this.#clock.now(), settle }
      this.#channel.write(encodeFrame(KIND.invoke, head, body))
    })
  }

  /** Ends the process, and the invocation with this outcome; without one it was just not wanted any more. */
  end(outcome: RunOutcome = { outcome: 'busy' }): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#process.kill('SIGKILL')
    this.#channel.destroy()
    this.#process.stdout?.destroy()
    this.#process.stderr?.destroy()
    this.#launched.clear()
    this.#settle(outcome)
    this.#events.ended(outcome)
  }

  /** Looks whether it keeps to the limits of time and memory. */
  watch(): void {
    this.#measure()
    if (this.memoryBytes > MEMORY_LIMIT_BYTES)
      this.end({ outcome: 'crashed', reason: `it used more than ${MEMORY_LIMIT_BYTES / MB} MB of memory` })
    else if (this.#run) this.#watchRun(this.#run)
    else if (this.isIdle) this.#watchIdle()
    else if (this.#clock.now() - this.#startedAtMs >= TIME_LIMIT_MS)
      this.end({ outcome: 'crashed', reason: 'it did not start' })
  }

  #watchRun(run: Run): void {
    const ms = this.#clock.now() - run.startedAtMs
    if (ms >= TIME_LIMIT_MS) {
      const used = Math.round(this.memoryBytes / MB)
      this.#log('error', `runtime application timed out after ${ms}ms using ${used}MB`)
      this.end({ outcome: 'timeout', ms })
    } else if (ms >= BEGIN_LIMIT_MS && !this.#hasBegun(run)) this.end({ outcome: 'untouched' })
  }

  #hasBegun({ number }: Run): boolean {
    return this.#launched.hasBegun(number)
  }

  /** What a function left running must not keep a processor busy until the next invocation. */
  #watchIdle(): void {
    const used = this.#pid === undefined ? undefined : processorMs(this.#pid)
    if (used === undefined) return
    this.#idleFromMs ??= used
    if (used - this.#idleFromMs > IDLE_LIMIT_MS)
      this.end({ outcome: 'crashed', reason: 'it did not rest when it had nothing to do' })
  }

  #measure(): void {
    if (this.#pid === undefined) return
    const bytes = residentBytes(this.#pid)
    if (bytes !== undefined) this.memoryBytes = bytes + this.#launched.storedBytes(this.#pid)
  }

  #take(kind: number, head: unknown, body: Buffer): void {
    if (this.#state === 'ended') return
    if (++this.#frames > MAX_FRAMES || this.#toldBytes > MAX_TOLD_BYTES)
      this.end({ outcome: 'broken', reason: 'it says more than it may' })
    else if (kind === KIND.ready && this.#state === 'starting') this.#begin()
    else if (kind === KIND.log) this.#takeLine(head as LogHead, body)
    else if (kind === KIND.answer && this.#run) this.#answer(head as AnswerHead, body, this.#run.invocation)
    else this.end({ outcome: 'broken', reason: 'it says what it was not asked' })
  }

  #begin(): void {
    this.#beIdle()
    void this.#launched.findPid().then((pid) => {
      this.#pid = pid
    })
    this.#events.ready()
  }

  #answer(head: AnswerHead, body: Buffer, { domainName }: Invocation): void {
    const outcome = judge(head, body, { domainName, nowMs: this.#clock.now() })
    if (head.last) this.end(outcome)
    else {
      this.#beIdle()
      this.#settle(outcome)
    }
  }

  #beIdle(): void {
    this.#state = 'idle'
    this.idleSinceMs = this.#clock.now()
    this.#idleFromMs = undefined
  }

  #settle(outcome: RunOutcome): void {
    const run = this.#run
    this.#run = undefined
    run?.settle(outcome)
  }

  #takeLine({ level, lines = 1 }: LogHead, body: Buffer): void {
    this.#log(level, body.toString(), Number.isSafeInteger(lines) && lines > 0 ? lines : 1)
  }

  #log(level: Level, message: string, lines = 1): void {
    if (!this.#last) {
      this.#trouble = `${this.#trouble} ${message.trim()}`.slice(0, MAX_TROUBLE)
      return
    }
    // What is written past the console counts as well.
    if (++this.#lines > MAX_FRAMES) return
    this.#events.log(this.#last, level === 'warn' || level === 'error' ? level : 'info', message, lines)
  }

  /** Its channel is closed: either it has ended, or it will not be heard any more. */
  #lose(): void {
    if (this.#state === 'ended') return
    const { exitCode, signalCode } = this.#process
    if (exitCode === null && signalCode === null) {
      this.#process.once('exit', () => this.#lose())
      this.#clock.after(EXIT_MS, () => this.#process.kill('SIGKILL'))
    } else if (this.#run && !this.#hasBegun(this.#run)) this.end({ outcome: 'untouched' })
    else {
      const how = signalCode ? `it was ended by ${signalCode}` : `it exited with ${exitCode}`
      this.end({ outcome: 'crashed', reason: this.#trouble === '' ? how : `${how}:${this.#trouble}` })
    }
  }
}
