// What only SQLite can do wrong: the writer's batches, the lock, the threads, the disk.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { makeTemporaryDirectory, stillClock } from '../../test/support/engines.ts'
import { openSqlite } from './sqlite.ts'
import { LOG_BYTES } from './sqlite-checkpoint.ts'
import { type Storage, StorageUnavailable } from './storage.ts'

const directory = makeTemporaryDirectory()
let files = 0
const newPath = () => join(directory, `${files++}.db`)

async function openItems(path = newPath()): Promise<Storage> {
  const storage = await openSqlite(path, { clock: stillClock })
  await storage.write((tx) => tx.run`create table item (id integer primary key, name text not null) strict`)
  return storage
}

const put = (storage: Storage, id: number, name = 'x') =>
  storage.write((tx) => tx.run`insert into item (id, name) values (${id}, ${name})`)

const ids = async (storage: Storage) =>
  (await storage.read.all<{ id: number }>`select id from item order by id`).map(({ id }) => id)

test('a unit that awaits anything but its tx fails at once, and the writer goes on', async () => {
  const storage = await openItems()
  let nested = 0
  const foreign: (() => Promise<unknown>)[] = [
    () => sleep(0),
    () => turn(),
    () => new Promise<void>((resolve) => process.nextTick(resolve)),
    () => readFile(import.meta.filename),
    () => crypto.subtle.digest('SHA-256', new Uint8Array(8)),
    () => put(storage, 500 + nested++),
  ]
  const late: Promise<string>[] = []
  const units = foreign.map((wait, i) =>
    storage.write(async (tx) => {
      await tx.run`insert into item (id, name) values (${i}, ${'foreign'})`
      const waiting = wait()
      const goOn = () => tx.run`insert into item (id, name) values (${100 + i}, ${'too late'})`
      late.push(waiting.then(goOn).then(String, (error) => error.message))
      await waiting
    }),
  )
  const never = storage.write(() => new Promise(() => {}))
  const isFailed = (unit: Promise<unknown>) => assert.rejects(unit, /awaited something other than its tx/)
  await Promise.all([...units, never].map(isFailed))

  const patient = storage.write(async (tx) => {
    for (let i = 0; i < 100; i++) await null
    await Promise.all([tx.get`select 1`, tx.get`select 2`])
    return 'fine'
  })
  assert.equal(await patient, 'fine')
  // More than the units: neighbours of one that fails are run again.
  assert.ok(late.length >= foreign.length)
  assert.deepEqual(new Set(await Promise.all(late)), new Set(['tx used after its unit ended']))
  const kept = Array.from({ length: nested }, (_, i) => 500 + i)
  assert.deepEqual(await ids(storage), kept, 'only the nested writes, units of their own, were kept')
  await storage.close()
})

test('while another holds the write lock the loop and reads go on; writes wait, at most five seconds', async (t) => {
  const path = newPath()
  const storage = await openItems(path)
  await put(storage, 1)
  const other = new DatabaseSync(path)
  t.mock.timers.enable({ apis: ['setTimeout'] })

  other.exec('begin immediate')
  const waiting = put(storage, 2)
  await turn()
  await turn()
  assert.deepEqual(await ids(storage), [1])
  other.exec('commit')
  t.mock.timers.tick(5)
  await waiting

  other.exec('begin immediate')
  const refused = assert.rejects(put(storage, 3), (error) => error instanceof StorageUnavailable)
  await turn()
  await turn()
  for (let ms = 0; ms < 4_000; ms += 5) t.mock.timers.tick(5)
  const younger = put(storage, 4)
  for (let ms = 0; ms < 1_000; ms += 5) t.mock.timers.tick(5)
  await refused
  other.exec('commit')
  other.close()
  t.mock.timers.tick(5)
  await younger
  assert.deepEqual(await ids(storage), [1, 2, 4])
  await storage.close()
})

const mount = join(directory, 'small')
mkdirSync(mount)
const mounted =
  process.getuid?.() === 0 &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]).status === 0
const skip = mounted ? false : 'only root can mount a small file system'

test('on a full disk nothing is half kept; with space again writes work', { skip }, async () => {
  try {
    const path = join(mount, 'full.db')
    const storage = await openItems(path)
    const large = 'y'.repeat(20_000)
    let kept = 0
    const reasons: unknown[] = []
    for (let round = 0; round < 30; round++) {
      const batch = Array.from({ length: 20 }, (_, i) => put(storage, round * 20 + i, large))
      for (const end of await Promise.allSettled(batch)) {
        if (end.status === 'fulfilled') kept++
        else reasons.push(end.reason)
      }
    }
    assert.ok(kept > 0 && reasons.length > 0, `${kept} kept, ${reasons.length} refused`)
    assert.ok(reasons.every((reason) => reason instanceof StorageUnavailable))
    assert.equal((await ids(storage)).length, kept)

    assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', mount]).status, 0)
    await put(storage, 100_000, large)
    assert.equal((await ids(storage)).length, kept + 1)
    await storage.close()

    const db = new DatabaseSync(path)
    assert.equal(db.prepare('pragma integrity_check').get()?.integrity_check, 'ok')
    db.close()
  } finally {
    spawnSync('umount', [mount])
  }
})

test('one process owns the file until it ends, even by SIGKILL, which loses no acknowledged unit', async () => {
  const path = newPath()
  await (await openItems(path)).close()
  const child = spawn(process.execPath, ['--input-type=module', '--eval', OWNER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const acknowledged: number[] = []
  for await (const line of createInterface(child.stdout)) {
    if (acknowledged.length === 0) {
      await assert.rejects(
        openSqlite(path, { clock: stillClock }),
        /in use by another process.*one process owns/,
      )
    }
    acknowledged.push(Number(line))
    if (acknowledged.length === 2_000) child.kill('SIGKILL')
  }
  await ended

  const storage = await openSqlite(path, { clock: stillClock })
  const kept = new Set(await ids(storage))
  assert.ok(acknowledged.length >= 2_000)
  assert.deepEqual(
    acknowledged.filter((id) => !kept.has(id)),
    [],
  )
  await storage.close()
})

/** Writes in 64 places at once and says each number once it is durable. */
const OWNER = `
  import { openSqlite } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
  const storage = await openSqlite(process.argv[1], { clock: { now: () => 0, after: () => () => {} } })
  let next = 0
  async function writeOn() {
    for (;;) {
      const id = next++
      await storage.write((tx) => tx.run\`insert into item (id, name) values (\${id}, \${'x'})\`)
      process.stdout.write(id + '\\n')
    }
  }
  for (let i = 0; i < 64; i++) writeOn()`

test('a second opening in the same process is refused, and the first is not disturbed', async () => {
  const path = newPath()
  const storage = await openItems(path)
  await assert.rejects(openSqlite(path, { clock: stillClock }), /in use by another process/)
  await put(storage, 1)
  await storage.close()
  await (await openSqlite(path, { clock: stillClock })).close()
})

test('the database and its log can be read by their owner only', async () => {
  const path = newPath()
  const storage = await openItems(path)
  for (const file of [path, `${path}-wal`]) assert.equal(statSync(file).mode & 0o777, 0o600)
  await storage.close()
})

test('a scan runs beside the loop: a write is through before it', async () => {
  const storage = await openItems()
  const order: string[] = []
  const scan = storage.scan.get<{ n: number }>`
    with recursive counter (n) as (select 1 union all select n + 1 from counter where n < ${2_000_000})
    select max(n) as n from counter`
  await Promise.all([
    scan.then((row) => order.push(`scanned ${row?.n}`)),
    put(storage, 1).then(() => order.push('written')),
  ])
  assert.deepEqual(order, ['written', 'scanned 2000000'])
  await assert.rejects(storage.scan.all`select no_such_column from item`, /no_such_column/)
  assert.deepEqual((await storage.scan.all`select id from item`).length, 1, 'the thread lives on')
  await storage.close()
})

test('a copy of the database can be made while it is in use', async () => {
  const storage = await openItems()
  await put(storage, 1)
  const copy = newPath()
  await storage.scan.get`vacuum into ${copy}`
  await put(storage, 2)
  await storage.close()
  const copied = await openSqlite(copy, { clock: stillClock })
  assert.deepEqual(await ids(copied), [1])
  await copied.close()
})

test('the log starts over while writes go on', async () => {
  const path = newPath()
  const storage = await openItems(path)
  const logBytes = () => statSync(`${path}-wal`).size
  const large = 'z'.repeat(100_000)
  let longest = 0
  let id = 0
  const writeOn = async () => {
    while (id < 20_000 && !(longest > LOG_BYTES && logBytes() <= LOG_BYTES)) {
      await put(storage, id++, large)
      longest = Math.max(longest, logBytes())
    }
  }
  await Promise.all(Array.from({ length: 8 }, writeOn))
  assert.ok(longest > LOG_BYTES, 'it grew past the mark')
  assert.ok(logBytes() <= LOG_BYTES, 'and was cut')
  await storage.close()
})

test('statistics are renewed at the start and each day until it is closed', async () => {
  const path = newPath()
  const due: { ms: number; run: () => void }[] = []
  let cancelled = 0
  const after = (ms: number, run: () => void) => {
    due.push({ ms, run })
    return () => {
      cancelled++
    }
  }
  const storage = await openSqlite(path, { clock: { now: () => 0, after } })
  due[0]?.run()
  assert.deepEqual(
    due.map(({ ms }) => ms),
    [86_400_000, 86_400_000],
  )
  await storage.close()
  assert.equal(cancelled, 1)
})
