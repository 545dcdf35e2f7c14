import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Refusal } from '../refusal.ts'
import type { Outcome, Task } from './sqlite-copy-worker.ts'
import { toStorageError } from './sqlite-error.ts'

/**
 * Copies the database as it is when this is called, page by page, into an empty file, and checks the copy. It takes its
 * time, so that the commits which go on meanwhile do not wait for the disk. Throws Refusal if the log would outgrow
 * `maxLogBytes`, or if the database is damaged.
 */
export async function copyDatabase(task: Task): Promise<void> {
  // The same extension as this file: .ts from source, .js when packed.
  const url = new URL(`./sqlite-copy-worker${extname(import.meta.url)}`, import.meta.url)
  const outcome = await new Promise<Outcome>((resolve, reject) => {
    const worker = new Worker(url, { workerData: task })
    worker.once('message', resolve)
    worker.once('error', (error) => reject(toStorageError(error)))
    worker.once('exit', () => reject(new Error('the copying thread ended')))
  })
  if (outcome !== 'copied') throw new Refusal(outcome.refused)
}
