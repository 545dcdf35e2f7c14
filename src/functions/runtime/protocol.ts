/**
 * What the server and a child say to each other over one socket: frames of a length, a kind, a head in JSON and bytes
 * behind it. What a child writes is never believed: the reader bounds it.
 */
export type Kind = (typeof KIND)[keyof typeof KIND]

export const KIND = {
  /** To the child, once: what it runs. */
  start: 1,
  invoke: 2,
  /** From the child: it has started. */
  ready: 3,
  log: 4,
  answer: 5,
} as const

export type Level = 'info' | 'warn' | 'error'

export interface StartHead {
  serviceSid: string
  environmentSid: string
  variables: Readonly<Record<string, string>>
  /** Of functions and private assets: path, absolute file. */
  functions: readonly (readonly [path: string, file: string])[]
  assets: readonly (readonly [path: string, file: string])[]
  /** The folder that all of these lie in; from there packages are found. */
  root: string
  /** Where those packages really are. */
  modules: string | null
  /** The unix socket of the server's proxy. */
  egress: string
  maxLogLines: number
  maxLogBytes: number
  maxLineBytes: number
  maxBodyBytes: number
}

/** The file descriptors of a child beside the usual three. */
export const DESCRIPTORS = {
  channel: 3,
  /** For the number of each invocation that it begins, its last byte: to say so in a frame would cost more. */
  progress: 4,
} as const

/** More than a pipe holds. */
export const PIPE_BYTES = 128 * 1024

export interface InvokeHead {
  /** From 1. */
  number: number
  path: string
  domainName: string
  query: string
  headers: Readonly<Record<string, string | readonly string[]>>
  /** With the token, or not at all. */
  accountSid?: string
  authToken?: string
}

export interface LogHead {
  level: Level
  /** How many it stands for, where it tells of lines that were dropped. */
  lines?: number
}

/** Its body are the frame's bytes. */
export type AnswerHead = {
  /** The child ends itself: something was thrown that nobody caught. */
  last?: true
} & ({ status: number; headers: readonly (readonly [string, string])[] } | { broken: string })

/** Where a child has more of them, it says this instead: the server would not read them. */
export const MAX_HEADER_BYTES = 15 * 1024
export const HEADERS_TOO_LONG = 'Response headers or cookies too long'

const LENGTH_BYTES = 4
const FIXED_BYTES = 9
const NOTHING = new Uint8Array(0)

export function encodeFrame(kind: Kind, head: unknown, body: Uint8Array = NOTHING): Buffer {
  const json = JSON.stringify(head)
  const headBytes = Buffer.byteLength(json)
  const frame = Buffer.allocUnsafe(FIXED_BYTES + headBytes + body.length)
  frame.writeUInt32LE(frame.length - LENGTH_BYTES, 0)
  frame.writeUInt8(kind, 4)
  frame.writeUInt32LE(headBytes, 5)
  frame.write(json, FIXED_BYTES)
  frame.set(body, FIXED_BYTES + headBytes)
  return frame
}

export type OnFrame = (kind: number, head: unknown, body: Buffer) => void

export interface FrameLimits {
  maxBytes: number
  /** Of the kinds that may come: to take JSON apart costs many times what it costs to write it. */
  maxHeadBytes: Readonly<Partial<Record<number, number>>>
}

/** Puts frames together again from what a socket brings; it holds one frame at most. */
export class FrameReader {
  readonly #limits: FrameLimits
  readonly #onFrame: OnFrame
  #chunks: Buffer[] = []
  #held = 0
  /** Of the frame that is being read, its length among them; until that is known, the bytes that tell it. */
  #wanted = LENGTH_BYTES

  constructor(limits: FrameLimits, onFrame: OnFrame) {
    this.#limits = limits
    this.#onFrame = onFrame
  }

  /** Throws where the bytes are no frames that may come, or one is larger than allowed. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= this.#wanted) {
      const [first = chunk] = this.#chunks
      const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
      const isWhole = this.#wanted > LENGTH_BYTES
      const rest = isWhole ? bytes.subarray(this.#wanted) : bytes
      this.#chunks = [rest]
      this.#held = rest.length
      if (isWhole) this.#take(bytes.subarray(0, this.#wanted))
      this.#wanted = LENGTH_BYTES + (isWhole ? 0 : this.#readLength(bytes))
    }
  }

  #readLength(bytes: Buffer): number {
    const length = bytes.readUInt32LE(0)
    if (length > this.#limits.maxBytes || length < FIXED_BYTES - LENGTH_BYTES)
      throw new Error(`a frame of ${length} bytes`)
    return length
  }

  #take(frame: Buffer): void {
    const [kind, headBytes] = [frame.readUInt8(4), frame.readUInt32LE(5)]
    const bodyAt = FIXED_BYTES + headBytes
    if (bodyAt > frame.length) throw new Error('a frame whose head is longer than itself')
    if (headBytes > (this.#limits.maxHeadBytes[kind] ?? 0))
      throw new Error(`a head of ${headBytes} bytes in a frame of kind ${kind}`)
    this.#onFrame(kind, JSON.parse(frame.toString('utf8', FIXED_BYTES, bodyAt)), frame.subarray(bodyAt))
  }
}
