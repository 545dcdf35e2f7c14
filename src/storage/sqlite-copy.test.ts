import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { makeTemporaryDirectory, stillClock } from '../../test/support/engines.ts'
import { migrate } from './migrate.ts'
import { openSqlite } from './sqlite.ts'
import { LOG_BYTES } from './sqlite-checkpoint.ts'
import { copyDatabase } from './sqlite-copy.ts'

const MEGABYTE = 2 ** 20
const LONG = 'x'.repeat(40_000)

/** A database of more than one bite. Each unit writes two rows, which are nothing without each other. */
async function makeDatabase() {
  const dataDir = makeTemporaryDirectory()
  const path = join(dataDir, 'countersign.db')
  const storage = await openSqlite(path, { clock: stillClock })
  await migrate(storage)
  const writePair = (n: number) =>
    storage.system.write(async (tx) => {
      await tx.run`insert into progress (job, part, reached) values ('left', ${String(n)}, ${LONG})`
      await tx.run`insert into progress (job, part, reached) values ('right', ${String(n)}, ${LONG})`
    })
  for (let n = 0; n < 100; n++) await writePair(n)
  return { dataDir, path, to: join(dataDir, 'copy.db'), storage, writePair }
}

/** How many pairs there are; they have to be the first that were written, each whole. */
function countPairs(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true })
  const row = (text: string) => db.prepare(text).get() as Record<string, number | string>
  assert.deepEqual({ ...row('pragma integrity_check') }, { integrity_check: 'ok' })
  const { n, pairs, newest } = row(
    `select count(*) as n, count(distinct part) as pairs, max(cast(part as integer)) as newest from progress
       where job in ('left', 'right')`,
  )
  db.close()
  assert.deepEqual([n, newest], [2 * Number(pairs), Number(pairs) - 1])
  return Number(pairs)
}

test('a backup under load is one instant: each unit that was acknowledged before, no half of one', async () => {
  const { dataDir, path, to, storage, writePair } = await makeDatabase()
  let isDone = false
  let acknowledged = 100
  const backup = storage.backup?.(to).finally(() => {
    isDone = true
  })
  // Until checkpoints were due as well: the log is a third longer than where they begin.
  while (!isDone || statSync(`${path}-wal`).size < (LOG_BYTES / 3) * 4) await writePair(acknowledged++)
  await backup
  const copied = countPairs(to)
  assert.ok(copied >= 100 && copied < acknowledged, `${copied} of ${acknowledged}`)
  assert.ok(statSync(to).size > 8 * MEGABYTE, 'more than a few bites')
  assert.equal(countPairs(path), acknowledged)
  await storage.close()
  assert.equal(countPairs(path), acknowledged)
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => /copy/.test(name)),
    ['copy.db'],
  )
})

test('a backup is made where one was killed before', async () => {
  const { dataDir, to, storage } = await makeDatabase()
  for (const suffix of ['', '-journal', '-wal', '-shm']) writeFileSync(`${to}.unfinished${suffix}`, LONG)
  await storage.backup?.(to)
  assert.equal(countPairs(to), 100)
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => /unfinished/.test(name)),
    [],
  )
  await storage.close()
})

test('a copy that would keep the log too long is given up, and lets go of it', async () => {
  const { path, to, storage } = await makeDatabase()
  writeFileSync(to, '')
  await assert.rejects(copyDatabase({ path, to, maxLogBytes: MEGABYTE }), /the log passed 1 MB/)
  const db = new DatabaseSync(path)
  // Only where nobody holds a snapshot.
  assert.equal(db.prepare('pragma wal_checkpoint(truncate)').get()?.busy, 0)
  assert.equal(statSync(`${path}-wal`).size, 0)
  db.close()
  await storage.close()
})

test('a damaged database is not taken for a backup', async () => {
  const { path, to, storage } = await makeDatabase()
  await storage.close()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4096, 0x55), 0, 4096, 5 * MEGABYTE)
  closeSync(file)
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode=wal')
  writeFileSync(to, '')
  await assert.rejects(copyDatabase({ path, to, maxLogBytes: MEGABYTE }), /the database is damaged/)
  db.close()
})
