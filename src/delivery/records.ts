import type { Access, Storage, Unit } from '../storage/storage.ts'

/** So that a group holds its rows for some milliseconds only. */
const MAX_UNITS = 128

interface Job {
  unit: Unit<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

/**
 * A `write` that keeps what becomes of hand-overs in few commits: while one is under way, what comes gathers for the
 * next. Units of a group that fails run again one by one. On SQLite all units are grouped already.
 */
export function groupWrites({ engine, system }: Storage): Access['write'] {
  if (engine === 'sqlite') return system.write
  let gathered: Job[] = []
  let writing = false

  async function writeGroups(): Promise<void> {
    writing = true
    while (gathered.length > 0) {
      const group = gathered.slice(0, MAX_UNITS)
      gathered = gathered.slice(MAX_UNITS)
      await system
        .write((tx) => Promise.all(group.map(({ unit }) => unit(tx))))
        .then(
          (values) => {
            for (const [i, { resolve }] of group.entries()) resolve(values[i])
          },
          () =>
            Promise.all(group.map(({ unit, resolve, reject }) => system.write(unit).then(resolve, reject))),
        )
    }
    writing = false
  }

  return <T>(unit: Unit<T>) =>
    new Promise<T>((resolve, reject) => {
      gathered.push({ unit, resolve: resolve as (value: unknown) => void, reject })
      if (!writing) void writeGroups()
    })
}
