import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { makeTemporaryDirectory } from '../../test/support/engines.ts'

const ENTRY = join(import.meta.dirname, '../../bin/countersign.ts')
const folder = makeTemporaryDirectory()

function countersign(...args: string[]) {
  return new Promise<{ status: number | string; out: string; err: string }>((resolve) => {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      COUNTERSIGN_DATA_DIR: folder,
      PORT: '0',
      LOG_LEVEL: 'error',
    }
    execFile(process.execPath, [ENTRY, ...args], { cwd: folder, env }, (error, out, err) =>
      resolve({ status: error ? (error.code ?? 'killed') : 0, out, err }),
    )
  })
}

test('head, verify and export, on a database that no server has open', async () => {
  const started = await countersign('exec', '--', 'true')
  assert.equal(started.status, 0, started.err)
  const made = await countersign('service', 'create', 'Exported')
  assert.equal(made.status, 0, made.err)
  const { out, status } = await countersign('audit', 'export')
  assert.equal(status, 0)
  assert.equal((await countersign('audit', 'export', '--json')).out, out)
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const event = events.find(({ resource_sid }) => resource_sid === made.out.trim())
  assert.deepEqual([event.event_type, event.event_data.friendly_name], ['verify-service.created', 'Exported'])
  assert.equal((await countersign('audit', 'export', '--since', '2100-01-01')).out, '')

  const head = (await countersign('audit', 'head')).out.trim()
  assert.match(head, /^\d+:[0-9a-f]{64}$/)
  const verified = await countersign('audit', 'verify', '--head', head)
  assert.equal(verified.status, 0, verified.out)
  assert.match(verified.out, /^\d+ events in the chain, 0 wait for their seal: all is well$/m)

  const db = new DatabaseSync(join(folder, 'countersign.db'))
  db.exec(`update audit_event set actor_sid = 'AC${'0'.repeat(32)}' where sid = '${event.sid}'`)
  db.close()
  const found = await countersign('audit', 'verify', '--json')
  assert.equal(found.status, 1)
  assert.deepEqual(JSON.parse(found.out).problems.length, 1)
})

for (const args of [
  ['verify', '--head', '17'],
  ['export', '--since', 'yesterday'],
]) {
  test(`audit ${args.join(' ')}: refused in one line`, async () => {
    const { status, out, err } = await countersign('audit', ...args)
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, /^countersign: not a (head|date)[^\n]*\n$/)
  })
}
