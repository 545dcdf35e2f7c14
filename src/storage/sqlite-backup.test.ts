import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { makeTemporaryDirectory, random, stillClock } from '../../test/support/engines.ts'
import { openInstallation } from './installation.ts'
import { migrate } from './migrate.ts'
import { openSqlite } from './sqlite.ts'
import { inspectBackup, restoreSqlite } from './sqlite-backup.ts'

async function makeInstallation() {
  const dataDir = makeTemporaryDirectory()
  const path = join(dataDir, 'countersign.db')
  const storage = await openSqlite(path, { clock: stillClock })
  await migrate(storage)
  const keys = { dataDir, masterKeys: undefined, masterKeyFile: undefined, random }
  const { vault } = await openInstallation(storage, { ...keys, placements: 1, nowMs: 0 })
  const mark = (n: number) =>
    storage.system.write(
      (tx) => tx.run`insert into progress (job, part, reached) values ('test', ${String(n)}, '')`,
    )
  return { dataDir, path, storage, mark, keyId: vault.activeKeyId }
}

const marksIn = (path: string) => {
  const db = new DatabaseSync(path, { readOnly: true })
  const rows = db.prepare("select count(*) as n from progress where job = 'test'").get()
  db.close()
  return rows?.n
}

test('a backup holds what was committed before it, though writes go on; only its owner reads it', async () => {
  const { dataDir, storage, mark, keyId } = await makeInstallation()
  const to = join(dataDir, 'copy.db')
  for (let n = 0; n < 100; n++) await mark(n)
  let isDone = false
  let n = 100
  const backup = storage.backup?.(to).then(() => (isDone = true))
  while (!isDone) await mark(n++)
  await backup
  assert.ok(n > 100, 'writes went on')
  const there = Number(marksIn(to))
  assert.ok(there >= 100 && there <= n, `${there} of ${n}`)
  assert.equal(statSync(to).mode & 0o777, 0o600)
  assert.equal(inspectBackup(to).activeKeyId, keyId)
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => /unfinished/.test(name)),
    [],
  )
  await assert.rejects(async () => storage.backup?.(to), /is there already/)
  await assert.rejects(
    async () => storage.backup?.(join(dataDir, 'no', 'such', 'folder')),
    /cannot be written \(ENOENT\)/,
  )
  await storage.close()
})

test('a file that is damaged, or something else, is refused', async () => {
  const { dataDir, storage, mark } = await makeInstallation()
  const to = join(dataDir, 'copy.db')
  await Promise.all(Array.from({ length: 3_000 }, (_, n) => mark(n)))
  await storage.backup?.(to)
  await storage.close()
  const bytes = readFileSync(to)
  const refused = (name: string, content: Buffer | string, why: RegExp) => {
    writeFileSync(join(dataDir, name), content)
    assert.throws(() => inspectBackup(join(dataDir, name)), why)
  }
  const hole = Buffer.from(bytes)
  hole.fill(0x55, bytes.length - 3 * 4096, bytes.length - 2 * 4096)
  refused('hole', hole, /damaged|not a backup/)
  refused('short', bytes.subarray(0, bytes.length - 4096), /damaged|not a backup/)
  refused('text', 'no database, but long enough to look at', /not a backup/)
  refused('empty', '', /not a backup/)
  assert.throws(() => inspectBackup(join(dataDir, 'nowhere')), /not a backup/)
})

test('a restore replaces a database only if told to, and keeps what was there', async () => {
  const { dataDir, path, storage, mark } = await makeInstallation()
  const copy = join(dataDir, 'copy.db')
  await mark(0)
  await storage.backup?.(copy)
  await mark(1)
  await storage.close()
  await assert.rejects(restoreSqlite(copy, path, { replace: false, nowMs: 7 }), /--force/)
  assert.equal(marksIn(path), 2)
  const kept = await restoreSqlite(copy, path, { replace: true, nowMs: 7 })
  assert.deepEqual([kept, marksIn(path), marksIn(kept ?? '')], [`${path}.before-restore-7`, 1, 2])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(existsSync(`${path}-wal`), false)

  // Nothing is undone where it cannot be kept.
  await assert.rejects(restoreSqlite(copy, path, { replace: true, nowMs: 7 }), /EEXIST/)
  assert.deepEqual([marksIn(path), marksIn(kept ?? '')], [1, 2])
  assert.equal(existsSync(`${path}.unfinished`), false)

  const empty = join(makeTemporaryDirectory(), 'countersign.db')
  assert.equal(await restoreSqlite(copy, empty, { replace: false, nowMs: 7 }), undefined)
  const again = await openSqlite(empty, { clock: stillClock })
  assert.deepEqual(await migrate(again), [])
  await again.close()
})

test('a restore replaces a database that is too damaged to be opened, and keeps all that is left of it', async () => {
  const { dataDir, path, storage, mark } = await makeInstallation()
  const copy = join(dataDir, 'copy.db')
  await mark(0)
  await storage.backup?.(copy)
  await storage.close()
  writeFileSync(path, 'x'.repeat(8_192))
  writeFileSync(`${path}-wal`, 'what it had not taken in yet')
  const kept = await restoreSqlite(copy, path, { replace: true, nowMs: 7 })
  assert.equal(marksIn(path), 1)
  assert.equal(readFileSync(kept ?? '', 'utf8'), 'x'.repeat(8_192))
  assert.equal(readFileSync(`${kept}-wal`, 'utf8'), 'what it had not taken in yet')
  assert.deepEqual(
    readdirSync(dataDir).filter(
      (name) => name.startsWith('countersign.db') && !name.includes('.before-restore-'),
    ),
    ['countersign.db', 'countersign.db.lock'],
  )
})
