// Runs on a thread of its own, started by sqlite-thread.ts.
import { constants, setPriority } from 'node:os'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Bound } from './statement.ts'

export interface Question {
  id: number
  method: 'get' | 'all'
  text: string
  args: Bound[]
}

export type Answer = { id: number; value: unknown } | { id: number; message: string; errcode: unknown }

const MAX_STATEMENTS = 100

const { path, readOnly, yielding } = workerData as { path: string; readOnly: boolean; yielding: boolean }
// On Linux it is that of this thread alone; elsewhere it would slow the whole process.
if (yielding && process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
const db = new DatabaseSync(path, { readOnly, timeout: 5000 })
db.exec('pragma temp_store=memory; pragma synchronous=full; pragma wal_autocheckpoint=0')
const statements = new Map<string, StatementSync>()

parentPort?.on('message', (question: Question | 'close') => {
  if (question !== 'close') return parentPort?.postMessage(answer(question))
  db.close()
  parentPort?.close()
})

function answer({ id, method, text, args }: Question): Answer {
  try {
    return { id, value: prepare(text)[method](...args) }
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number }
    return { id, message, errcode }
  }
}

function prepare(text: string): StatementSync {
  let statement = statements.get(text)
  if (!statement) {
    if (statements.size >= MAX_STATEMENTS) statements.clear()
    statement = db.prepare(text)
    statements.set(text, statement)
  }
  return statement
}
