import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { createThread } from './sqlite-thread.ts'

/** How far the log may grow before its pages are copied into the database. */
export const LOG_BYTES = 16 * 1024 * 1024

/**
 * Keeps the write-ahead log short without holding up the writer: the bulk is copied on another thread, then the little
 * that was committed meanwhile on this one. Only so the log is at some instant copied whole, and starts over: under
 * load a thread alone never catches up, and the file grows without end.
 *
 * The file's size tells the length of the log because `journal_size_limit` cuts it to `LOG_BYTES` when it starts over.
 */
export function createCheckpointer(path: string, db: DatabaseSync) {
  const thread = createThread(path, false)
  let running: Promise<void> | undefined
  let dueBytes = LOG_BYTES

  function logBytes(): number {
    try {
      return statSync(`${path}-wal`).size
    } catch {
      return 0 // whatever is wrong with the file, the writer that calls meets it and tells
    }
  }

  async function checkpoint(): Promise<void> {
    try {
      // Twice: the second pass takes what came during the first, so that little is left for the writer's thread.
      await thread.call('get', 'pragma wal_checkpoint(passive)', [])
      await thread.call('get', 'pragma wal_checkpoint(passive)', [])
      db.exec('pragma wal_checkpoint(passive)')
    } catch {
      // Nothing is lost: the log is longer, and the next commit beyond the mark tries again.
    }
    running = undefined
  }

  return {
    /** To be called after each commit. */
    committed(): void {
      if (running) return
      const bytes = logBytes()
      if (bytes <= LOG_BYTES) dueBytes = LOG_BYTES
      if (bytes <= dueBytes) return
      dueBytes = bytes + LOG_BYTES // a reader may pin the log: no second try before it grew again
      running = checkpoint()
    },
    async close(): Promise<void> {
      await running
      await thread.close()
    },
  }
}
