// Runs on a thread of its own, started by sqlite-copy.ts.
import { closeSync, fdatasyncSync, openSync, statSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { backup, DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

export interface Task {
  path: string
  to: string
  maxLogBytes: number
}

export type Outcome = 'copied' | { refused: string }

/** 1 MB. Each bite costs the disk a flush, for which commits wait: of smaller ones there would be too many. */
const BITE_PAGES = 256
/** Between two bites the disk is left to others for so many times as long as the first one took. */
const REST = 5

const { path, to, maxLogBytes } = workerData as Task
const clockwork = new Int32Array(new SharedArrayBuffer(4))

// On Linux it is that of this thread alone; elsewhere it would slow the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
parentPort?.postMessage((await copy()) ?? check() ?? 'copied')

async function copy(): Promise<Outcome | undefined> {
  const source = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  const file = openSync(to, 'r+')
  let tooLong = false
  try {
    // One snapshot for all bites: without it SQLite starts over whenever the database changes.
    source.exec('begin; select 1 from sqlite_schema')
    await backup(source, to, {
      rate: BITE_PAGES,
      progress() {
        // The snapshot keeps the log from starting over, so the longer the log, the shorter the rests.
        const left = 1 - statSync(`${path}-wal`).size / maxLogBytes
        tooLong = left <= 0
        if (tooLong) throw new Error('the log is too long')
        const startedMs = performance.now()
        fdatasyncSync(file)
        // The next bite begins when this returns: so the thread itself has to stand still.
        Atomics.wait(clockwork, 0, 0, (performance.now() - startedMs) * REST * left)
      },
    })
  } catch (error) {
    if (!tooLong) throw error
    const megabytes = Math.round(maxLogBytes / 2 ** 20)
    return {
      refused: `so much was written meanwhile that the log passed ${megabytes} MB: back up when there is less to do, or to a faster disk`,
    }
  } finally {
    source.close()
    closeSync(file)
  }
}

/** Pages are copied as they are, damage included; and the copy is one file, without a log beside it. */
function check(): Outcome | undefined {
  const db = new DatabaseSync(to)
  try {
    db.exec('pragma journal_mode=delete')
    const found = db.prepare('pragma integrity_check(1)').get() as { integrity_check: string }
    if (found.integrity_check === 'ok') return undefined
    return { refused: `the database is damaged, and so would be its backup: ${found.integrity_check}` }
  } finally {
    db.close()
  }
}
