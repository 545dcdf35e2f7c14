import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import {
  DESCRIPTORS,
  encodeFrame,
  FrameReader,
  KIND,
  type Kind,
  type Level,
  type OnFrame,
  PIPE_BYTES,
  type StartHead,
} from '../protocol.ts'

/** The server's frames are as large as requests may be; it has seen to that. */
const MAX_BYTES = 64 * 1024 * 1024
const LIMITS = { maxBytes: MAX_BYTES, maxHeadBytes: { [KIND.start]: MAX_BYTES, [KIND.invoke]: MAX_BYTES } }

const socket = new Socket({ fd: DESCRIPTORS.channel, readable: true, writable: true })

/** Calls back for each frame, and ends the process when the server goes. */
export function listen(onFrame: OnFrame): void {
  const reader = new FrameReader(LIMITS, onFrame)
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('close', () => process.exit())
}

/** Resolves when the frame has been handed to the system. */
export const sendAll = (kind: Kind, head: unknown, body?: Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.write(encodeFrame(kind, head, body), () => resolve()))

export function send(kind: Kind, head: unknown, body?: Uint8Array): void {
  socket.write(encodeFrame(kind, head, body))
}

const progress = Buffer.alloc(1)

/** An invocation that was not begun when the child ended is done by another one. */
export function noteBegin(number: number): void {
  progress.writeUInt8(number % 256)
  try {
    writeSync(DESCRIPTORS.progress, progress)
  } catch {
    // It is full: of numbers that the server had no need to look at.
    readSync(DESCRIPTORS.progress, Buffer.alloc(PIPE_BYTES))
    writeSync(DESCRIPTORS.progress, progress)
  }
}

/** Until the server has said more: enough to tell why it does not start. */
let limits: Pick<StartHead, 'maxLogLines' | 'maxLogBytes' | 'maxLineBytes'> = {
  maxLogLines: 1,
  maxLogBytes: 4_096,
  maxLineBytes: 4_096,
}
let lines = 0
let bytes = 0
let dropped = 0

export function limitLog(those: typeof limits): void {
  limits = those
}

/** A line of the log; those beyond the limit of an invocation are only counted. */
export function log(level: Level, text: string): void {
  if (lines >= limits.maxLogLines || bytes >= limits.maxLogBytes) {
    dropped++
    return
  }
  const line = Buffer.from(text.slice(0, limits.maxLineBytes))
  lines++
  bytes += line.length
  send(KIND.log, { level }, line)
}

/** Says how many lines were dropped, and counts anew. */
export function endLog(): void {
  if (dropped > 0)
    send(
      KIND.log,
      { level: 'warn', lines: dropped },
      Buffer.from(`${dropped} more lines of this invocation were dropped`),
    )
  lines = bytes = dropped = 0
}
