import type { Readable } from 'node:stream'

/** What a child may write past its console, until its next invocation, before nobody reads it any more. */
const MAX_UNREAD_BYTES = 1024 * 1024

/**
 * Reads lines of at most `maxBytes`, and holds no more than one. After too much of them it stops, so that who writes
 * has to wait; the returned function lets it go on.
 */
export function readLines(stream: Readable, maxBytes: number, onLine: (line: string) => void): () => void {
  let held = ''
  let bytes = 0
  stream.setEncoding('utf8')
  stream.on('error', () => {})
  stream.on('data', (text: string) => {
    bytes += text.length
    const lines = (held + text).split('\n')
    held = (lines.pop() ?? '').slice(0, maxBytes)
    for (const line of lines) if (line !== '') onLine(line.slice(0, maxBytes))
    if (bytes > MAX_UNREAD_BYTES) stream.pause()
  })
  stream.on('end', () => held !== '' && onLine(held))
  return () => {
    bytes = 0
    if (stream.isPaused()) stream.resume()
  }
}
