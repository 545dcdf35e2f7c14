import { Console } from 'node:console'
import type { Level } from '../protocol.ts'
import { log } from './channel.ts'
import { hidePlaces } from './reply.ts'

/** `console.*` goes to the log of the environment: warnings and errors as such, all else as information. */
export function takeOverConsole(): void {
  const errors = consoleOf('error')
  const { log: info } = consoleOf('info', 'error')
  const { log: warn } = consoleOf('warn')
  Object.assign(console, consoleOf('info', 'error'), { log: info, warn, error: errors.log })
}

/** The one who formats, groups and counts is Node's own. */
function consoleOf(out: Level, error: Level = out): Console {
  const stream = (level: Level) =>
    ({
      write: (text: string) => log(level, hidePlaces(text.replace(/\n$/, ''))),
    }) as unknown as NodeJS.WritableStream
  return new Console({ stdout: stream(out), stderr: stream(error), ignoreErrors: false, colorMode: false })
}
