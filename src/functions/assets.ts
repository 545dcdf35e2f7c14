import type { IncomingMessage } from 'node:http'
import type { Access } from '../storage/storage.ts'
import { type Answer, type Header, sayText } from './answer.ts'
import { readContent } from './contents.ts'
import type { DeployedVersion } from './deployed.ts'

const MAX_KEPT_BYTES = 64 * 1024 * 1024
/** What is larger is not read on the main thread. */
const SMALL_BYTES = 1024 * 1024

/** The contents of assets, those last asked for in memory: what has a hash never changes. */
export class AssetContents {
  readonly #storage: Pick<Access, 'read' | 'scan'>
  readonly #kept = new Map<string, Promise<Uint8Array | undefined>>()
  #bytes = 0

  constructor(storage: Pick<Access, 'read' | 'scan'>) {
    this.#storage = storage
  }

  /** Undefined where it is not there. */
  get(accountSid: string, { hash, size }: DeployedVersion): Promise<Uint8Array | undefined> {
    const key = `${accountSid}/${size}/${hash}`
    const content = this.#kept.get(key) ?? this.#load(key, accountSid, hash, size)
    // The last in order are those last asked for.
    this.#drop(key)
    this.#kept.set(key, content)
    this.#bytes += size
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= MAX_KEPT_BYTES) break
      this.#drop(oldest)
    }
    return content
  }

  #load(key: string, accountSid: string, hash: string, size: number): Promise<Uint8Array | undefined> {
    const { read, scan } = this.#storage
    const content = readContent(size > SMALL_BYTES ? scan : read, accountSid, hash)
    content.then(
      (found) => found ?? this.#drop(key),
      () => this.#drop(key),
    )
    return content
  }

  #drop(key: string): void {
    if (this.#kept.delete(key)) this.#bytes -= Number(key.split('/')[1])
  }
}

/**
 * Answers a GET or HEAD for an asset: that it has not changed, or what it is; else, given its content, with all of it or
 * the part that was asked for.
 */
export function answerAsset(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  { hash, size, contentType, visibility, createdAtMs }: DeployedVersion,
): Answer | ((content: Uint8Array) => Answer) {
  const etag = `"${hash.slice(0, 32)}"`
  const modifiedMs = Math.floor(createdAtMs / 1000) * 1000
  const validators: readonly Header[] = [
    ['etag', etag],
    ['last-modified', new Date(modifiedMs).toUTCString()],
    // Asked for again each time, so that what is deployed shows at once.
    ['cache-control', `${visibility === 'public' ? 'public' : 'private'}, max-age=0, must-revalidate`],
  ]
  const empty = new Uint8Array()
  if (isUnchanged(headers, etag, modifiedMs)) return { status: 304, headers: validators, body: empty }
  const described: readonly Header[] = [
    ['content-type', contentType],
    ['accept-ranges', 'bytes'],
    ...validators,
  ]
  // A range is something of GET only.
  if (method === 'HEAD') return { status: 200, headers: described, body: empty, length: size }
  const range = isRangeCurrent(headers['if-range']?.toString(), etag, modifiedMs)
    ? parseRange(headers.range, size)
    : undefined
  if (range === undefined) return (content) => ({ status: 200, headers: described, body: content })
  if (range === 'none') return sayText(416, 'Range Not Satisfiable', [['content-range', `bytes */${size}`]])
  const [from, to] = range
  return (content) => ({
    status: 206,
    headers: [...described, ['content-range', `bytes ${from}-${to}/${size}`]],
    body: content.subarray(from, to + 1),
  })
}

/** RFC 9110 §13.2.2: the tag wins over the time. */
function isUnchanged(headers: IncomingMessage['headers'], etag: string, modifiedMs: number): boolean {
  const { 'if-none-match': tags, 'if-modified-since': since } = headers
  if (tags !== undefined) {
    const named = tags.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    return named.includes(etag) || named.includes('*')
  }
  return since !== undefined && Date.parse(since) >= modifiedMs
}

/** Whether the part that the client has is of this content. */
function isRangeCurrent(condition: string | undefined, etag: string, modifiedMs: number): boolean {
  if (condition === undefined || condition === etag) return true
  return !condition.includes('"') && Date.parse(condition) === modifiedMs
}

/** The first and the last byte; undefined for all of it, where several parts are asked for or it makes no sense. */
function parseRange(
  range: string | undefined,
  length: number,
): [from: number, to: number] | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range?.trim() ?? '') ?? []
  if (first === '' && last === '') return undefined
  const from = first === '' ? Math.max(length - Number(last), 0) : Number(first)
  const to = first === '' || last === '' ? length - 1 : Math.min(Number(last), length - 1)
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
  return from > to ? 'none' : [from, to]
}
