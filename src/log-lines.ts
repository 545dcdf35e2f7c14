import { destination } from 'pino'

/** What a line waits for: this long, or until there is so much with it. */
const GATHER_MS = 250
const GATHER_CHARACTERS = 16_384

export interface LogLines {
  write(line: string): void
}

let standardError: LogLines | undefined

/**
 * Standard error, for log lines: gathered for few writes, what is left written when the process ends. pino's own
 * gathering measures all that waits anew for each line, and that grows to 32 KB where writes are slow.
 */
export function openLogLines(): LogLines {
  standardError ??= gatherLines()
  return standardError
}

function gatherLines(): LogLines {
  const file = destination({ fd: 2, sync: false })
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    file.write(lines)
    lines = ''
  }
  process.once('exit', () => {
    file.flushSync()
    // The other one would only begin to.
    if (lines !== '') destination({ fd: 2, sync: true }).write(lines)
  })
  return {
    write(line) {
      lines += line
      if (lines.length >= GATHER_CHARACTERS) flush()
      else timer ??= setTimeout(flush, GATHER_MS).unref()
    },
  }
}
