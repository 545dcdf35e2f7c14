import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { freshNumber } from '../support/server.ts'
import { makeInstallation } from './server-process.ts'

const CREATES = 300
// A write of a page of the log, 4096 bytes, is shown whole: recipients stand in it in the clear.
const STRACE = [
  'strace',
  '-D',
  '-f',
  '-qq',
  '-y',
  '-s',
  '4096',
  '-e',
  'trace=pwrite64,write,writev,fsync,fdatasync',
]

const mayTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', process.execPath, '--version']).status === 0

interface Trace {
  /** Recipient → the place in the trace of the first write to the log that holds it. */
  written: Map<string, number>
  /** Completed syncs of the log: where they began and ended. */
  syncs: { from: number; to: number }[]
  /** Answers 2xx to the creates: recipient, place, and whether the log had writes that no sync covered. */
  answers: { to: string; at: number; unsynced: boolean }[]
}

async function readTrace(path: string, recipients: ReadonlySet<string>): Promise<Trace> {
  const trace: Trace = { written: new Map(), syncs: [], answers: [] }
  /** Thread → where its sync of the log began, while other threads' calls come between. */
  const syncing = new Map<string, number>()
  let at = 0
  let unsynced = false
  for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
    at++
    const [, thread = '', call = '', target = ''] =
      /^(\d+) +(?:(\w+)\(\d+<([^>]*)>|<\.\.\. \w+ resumed>)/.exec(line) ?? []
    const isLog = target.endsWith('-wal')
    if (call === 'pwrite64' && isLog) {
      unsynced = true
      for (const [to] of line.matchAll(/\+1415555\d{4}/g))
        if (!trace.written.has(to)) trace.written.set(to, at)
    } else if (call.endsWith('sync') && isLog) {
      syncing.set(thread, at)
    } else if (call.startsWith('write') && /"HTTP\/1\.1 2/.test(line)) {
      const [to] = /\+1415555\d{4}/.exec(line) ?? []
      if (to && recipients.has(to)) trace.answers.push({ to, at, unsynced })
    }
    const from = syncing.get(thread)
    if (from !== undefined && /\) += 0$/.test(line)) {
      syncing.delete(thread)
      trace.syncs.push({ from, to: at })
      unsynced = false
    }
  }
  return trace
}

test('on SQLite no create is answered before its write to the log was synced', {
  skip:
    !mayTrace && process.env.CI !== 'true' && 'needs strace, and the right to trace the processes one starts',
  timeout: 120_000,
}, async () => {
  const installation = await makeInstallation({ database: 'sqlite' })
  try {
    const path = join(installation.dataDir, 'trace')
    const server = await installation.start({ wrap: [...STRACE, '-o', path] })
    const recipients = Array.from({ length: CREATES }, freshNumber)
    const replies = await Promise.all(recipients.map((to) => server.startVerification(to)))
    assert.ok(replies.every(({ status }) => status === 201))
    await server.stop('SIGTERM')
    const { written, syncs, answers } = await readTrace(path, new Set(recipients))
    assert.deepEqual(answers.map(({ to }) => to).sort(), recipients.toSorted())
    for (const { to, at, unsynced } of answers) {
      const write = written.get(to) ?? Number.POSITIVE_INFINITY
      assert.ok(
        syncs.some((sync) => write < sync.from && sync.to < at),
        `${to}: written at line ${write}, answered at ${at}`,
      )
      assert.ok(!unsynced, `${to}: answered at line ${at} between a write to the log and its sync`)
    }
  } finally {
    await installation.remove()
  }
})
