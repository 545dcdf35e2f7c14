import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { toStorageError } from './sqlite-error.ts'
import type { Answer, Question } from './sqlite-worker.ts'
import type { Bound } from './statement.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: unknown): void
}

/**
 * A connection of its own on a thread of its own, started at the first call: for statements that would hold up the
 * event loop. One statement at a time; after a crash the next call starts it again. One that is `yielding` gets the
 * processor when nobody else wants it.
 */
export function createThread(path: string, readOnly: boolean, { yielding = false } = {}) {
  const pending = new Map<number, Pending>()
  let worker: Worker | undefined
  let calls = 0

  function start(): Worker {
    // The same extension as this file: .ts from source, .js when packed.
    const url = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url)
    const started = new Worker(url, { workerData: { path, readOnly, yielding } })
    started.on('message', (answer: Answer) => {
      const call = pending.get(answer.id)
      pending.delete(answer.id)
      if (pending.size === 0) started.unref()
      if ('value' in answer) call?.resolve(answer.value)
      else call?.reject(toStorageError(Object.assign(new Error(answer.message), { errcode: answer.errcode })))
    })
    const end = (error: Error) => {
      if (worker === started) worker = undefined
      for (const call of pending.values()) call.reject(error)
      pending.clear()
    }
    started.on('error', end)
    started.on('exit', () => end(new Error('the database thread ended')))
    return started
  }

  return {
    call(method: 'get' | 'all', text: string, args: Bound[]): Promise<unknown> {
      return new Promise((resolve, reject) => {
        worker ??= start()
        worker.ref() // a process with nothing else to do waits for the answer
        const question: Question = { id: calls++, method, text, args }
        pending.set(question.id, { resolve, reject })
        worker.postMessage(question)
      })
    },
    /** Resolves when the calls under way are answered and the connection is closed. */
    async close(): Promise<void> {
      const stopping = worker
      if (!stopping) return
      const ended = new Promise((resolve) => stopping.once('exit', resolve))
      stopping.ref()
      stopping.postMessage('close')
      await ended
    },
  }
}
