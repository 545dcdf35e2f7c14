import { readFileSync, statfsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

/** Of the processor's time, as the kernel tells it. */
const TICK_MS = 10

/** Undefined where the process is gone, or the system is not Linux: there only the limit of the heap holds. */
export function residentBytes(pid: number): number | undefined {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(`${pid}/status`) ?? '') ?? []
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** What the file system at a folder holds, as a process sees it; undefined where we may not look. */
export function storedBytes(pid: number, folder: string): number | undefined {
  try {
    const { bsize, blocks, bfree } = statfsSync(`/proc/${pid}/root${folder}`)
    return (blocks - bfree) * bsize
  } catch {
    return undefined
  }
}

/** Time of the processor that it has used so far, in ms; undefined as above. */
export function processorMs(pid: number): number | undefined {
  const fields = afterName(readProc(`${pid}/stat`) ?? '')
  const ticks = Number(fields[11]) + Number(fields[12])
  return Number.isNaN(ticks) ? undefined : ticks * TICK_MS
}

/** The process at the end of a chain of wrappers, each the parent of one. */
export async function innermostOf(pid: number): Promise<number> {
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter((other) => other > 0)
  // Numbers rise, until they begin anew: so seldom do all of them have to be read.
  const later = await readParents(pids.filter((other) => other > pid))
  const childOf = later.has(pid) ? later : await readParents(pids)
  let innermost = pid
  for (let next = childOf.get(pid); next !== undefined; next = childOf.get(next)) innermost = next
  return innermost
}

/** A child of each that has one. */
async function readParents(pids: readonly number[]): Promise<Map<number, number>> {
  const childOf = new Map<number, number>()
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
    childOf.set(Number(afterName(stat)[1]), pid)
  }
  return childOf
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1')
  } catch {
    return undefined
  }
}

/** The fields behind the name of the program, which may hold anything: state, parent, … */
const afterName = (stat: string) => stat.slice(stat.lastIndexOf(')') + 2).split(' ')
