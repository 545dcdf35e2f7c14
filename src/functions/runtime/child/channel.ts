import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import {
  DESCRIPTORS,
  encodeFrame,
  FrameReader,
  KIND,
  type Kind,
  type Level,
  type OnFrame,
} from '../protocol.ts'

/** The server's frames are as large as requests may be; it has seen to that. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024

const socket = new Socket({ fd: DESCRIPTORS.channel, readable: true, writable: true })

/** Calls back for each frame, and ends the process when the server goes. */
export function listen(onFrame: OnFrame): void {
  const reader = new FrameReader(MAX_FRAME_BYTES, onFrame)
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('close', () => process.exit())
}

/** Resolves when the frame has been handed to the system. */
export const sendAll = (kind: Kind, head: unknown, body?: Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.write(encodeFrame(kind, head, body), () => resolve()))

export function send(kind: Kind, head: unknown, body?: Uint8Array): void {
  socket.write(encodeFrame(kind, head, body))
}

const progress = Buffer.alloc(4)

/** An invocation that was not begun when the child ended is done by another one. */
export function noteBegin(number: number): void {
  progress.writeUInt32LE(number)
  writeSync(DESCRIPTORS.progress, progress, 0, progress.length, 0)
}

/** Until the server has said more: enough to tell why it does not start. */
let maxLines = 1
let maxBytes = 4_096
let lines = 0

export function limitLog(maxLogLines: number, maxLineBytes: number): void {
  maxLines = maxLogLines
  maxBytes = maxLineBytes
}

/** A line of the log; those beyond the limit of an invocation are only counted. */
export function log(level: Level, text: string): void {
  if (++lines > maxLines) return
  send(KIND.log, { level }, Buffer.from(text.slice(0, maxBytes)))
}

/** Says how many lines were dropped, and counts anew. */
export function endLog(): void {
  if (lines > maxLines) {
    const dropped = lines - maxLines
    send(KIND.log, { level: 'warn' }, Buffer.from(`${dropped} more lines of this invocation were dropped`))
  }
  lines = 0
}
