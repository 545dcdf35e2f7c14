import { readdirSync, readFileSync } from 'node:fs'

interface Process {
  pid: number
  parent: number
  /** Used so far. */
  processorMs: number
  residentMb: number
}

const PAGES_OF_MB = 256

/** Undefined where there is none, or the system does not tell. */
export function processOf(pid: number | undefined): Process | undefined {
  try {
    // After the name, which is in parentheses: state, parent … The 12th is the time in the program, the 13th in the
    // kernel, in 10 ms; the 22nd the resident memory in pages.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number)
    const at = (place: number) => fields[place] ?? Number.NaN
    return {
      pid: Number(pid),
      parent: at(1),
      processorMs: (at(11) + at(12)) * 10,
      residentMb: at(21) / PAGES_OF_MB,
    }
  } catch {
    return undefined
  }
}

/** What a process has started, and what that has started. */
export function descendantsOf(pid: number | undefined): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? [])
  const found: Process[] = []
  for (let parents = new Set([Number(pid)]); parents.size > 0; ) {
    const children = all.filter(({ parent }) => parents.has(parent))
    found.push(...children)
    parents = new Set(children.map((child) => child.pid))
  }
  return found
}
