// What only PostgreSQL can do wrong: connections that die, locks that wait, conflicts.
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import pg from 'pg'
import { until } from '../../test/support/carrier.ts'
import { engines, random } from '../../test/support/engines.ts'
import { openPostgres } from './postgres.ts'
import { Clause, type Read, type Storage, StorageUnavailable, type Tx } from './storage.ts'

const isUnavailable = (error: unknown) => error instanceof StorageUnavailable

test('a database that does not answer is unavailable', async () => {
  await assert.rejects(openPostgres('postgres://127.0.0.1:1/nowhere', { random }), isUnavailable)
})

test('the driver knows pipelines: an older one ignores the option silently', () => {
  assert.equal(new pg.Client({ pipeline: true }).pipeline, true)
})

/** Stands before a server; at `mute` all connections there are go silent, without an end. */
async function makeLine(url: URL) {
  let silent = new Set<Socket>()
  let heard = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const database = connect(Number(url.port), url.hostname)
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (data) => (silent.has(client) ? heard++ : to.write(data)))
      from.on('close', () => to.destroy())
      from.on('error', () => {})
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(url)
  through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: through.href,
    mute() {
      silent = new Set(sockets)
      heard = 0
    },
    /** How many packets were not passed on. */
    heard: () => heard,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const engine = engines.find(({ name }) => name === 'postgres')
if (engine) {
  const openItems = async (): Promise<Storage> => {
    const storage = await engine.open()
    await storage.write((tx) => tx.run`create table item (id bigint primary key, hits bigint not null)`)
    await storage.write((tx) => tx.run`insert into item (id, hits) values (1, 0), (2, 0)`)
    return storage
  }
  const hit = (tx: Tx, id: number) => tx.run`update item set hits = hits + 1 where id = ${id}`
  const hits = async (storage: Storage) =>
    (await storage.read.all<{ hits: number }>`select hits from item order by id`).map((row) => row.hits)

  test('a connection that dies within a unit fails that unit only', async () => {
    const storage = await openItems()
    const killed = storage.write(async (tx) => {
      await hit(tx, 1)
      const own = await tx.get<{ pid: number }>`select pg_backend_pid() as pid`
      await storage.read.get`select pg_terminate_backend(${own?.pid ?? 0}, 5000)`
      await hit(tx, 1)
    })
    await assert.rejects(killed, isUnavailable)
    await storage.write((tx) => hit(tx, 2))
    assert.deepEqual(await hits(storage), [0, 1])
    await storage.close()
  })

  test('connections that go silent are given up: later for a scan; then new ones serve', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const line = await makeLine(new URL(process.env.TEST_DATABASE_URL ?? ''))
    const storage = await openPostgres(line.url, { random })
    const ask = (through: Read) => through.get<{ one: number }>`select 1 as one`
    await Promise.all([ask(storage.read), ask(storage.scan), storage.write(ask)])
    line.mute()
    let scanned = 'waits'
    const failed = Promise.all([
      assert.rejects(ask(storage.read), isUnavailable),
      assert.rejects(storage.write(ask), isUnavailable),
    ])
    const scan = assert.rejects(ask(storage.scan), isUnavailable).then(() => (scanned = 'failed'))
    await until(() => line.heard() >= 3)
    t.mock.timers.tick(5_000)
    await failed
    assert.deepEqual(await ask(storage.read), { one: 1 })
    assert.deepEqual(await storage.write(ask), { one: 1 })
    assert.equal(scanned, 'waits')
    t.mock.timers.tick(55_000)
    await scan
    await storage.close()
    line.close()
  })

  test('what was prepared before another node altered the table goes on', async () => {
    const storage = await openItems()
    const find = (through: Read) => through.all<{ id: number }>`select * from item where id = 1`
    const open = () => Promise.all(Array.from({ length: 8 }, () => storage.write(find)))
    const read = () => Promise.all(Array.from({ length: 8 }, () => find(storage.read)))
    await open()
    await read()
    for (const column of ['first', 'second']) {
      const alter = new Clause([`alter table item add column ${column} bigint`], [])
      await storage.system.write((tx) => tx.run`${alter}`)
      const found = (column === 'first' ? await open() : await read()).flat()
      assert.equal(found.length, 8)
      for (const row of found) assert.ok(column in row)
    }
    await storage.close()
  })

  test('reads that come at once share a connection; one that fails fails alone', async () => {
    const storage = await openItems()
    const find = (id: number) =>
      storage.read.get<{ n: number; pid: number }>`
        select 6 / (id - ${id}) as n, pg_backend_pid() as pid from item where id = 2`
    const [first, wrong, last] = await Promise.allSettled([find(1), find(2), find(-1)])
    assert.ok(first.status === 'fulfilled' && last.status === 'fulfilled')
    assert.deepEqual([first.value?.n, last.value?.n], [6, 2])
    assert.equal(first.value?.pid, last.value?.pid)
    assert.match(String(wrong.status === 'rejected' && wrong.reason), /division by zero/)
    await storage.close()
  })

  test('each of many reads at once is answered, whatever connections there are', async () => {
    const storage = await openItems()
    const numbers = Array.from({ length: 500 }, (_, n) => n)
    const read = (n: number) =>
      storage.read.get<{ n: number }>`select hits + ${n} as n from item where id = 1`
    const rows = await Promise.all(numbers.map(read))
    assert.deepEqual(
      rows.map((row) => row?.n),
      numbers,
    )
    await storage.close()
  })

  test('a connection that dies fails the reads that share it, and no other', async () => {
    const storage = await openItems()
    const name = () => storage.read.get<{ pid: number }>`select pg_backend_pid() as pid`
    const end = () => storage.read.get`select pg_terminate_backend(pg_backend_pid())`
    const ended = await Promise.allSettled([end(), name()])
    assert.deepEqual(
      ended.map((read) => read.status === 'rejected' && isUnavailable(read.reason)),
      [true, true],
    )
    assert.ok((await name())?.pid)
    await storage.close()
  })

  test('of two that cannot be prepared each is told why', async () => {
    const storage = await openItems()
    const find = () => storage.read.get`select * from nowhere`
    for (const read of await Promise.allSettled([find(), find()])) {
      assert.match(String(read.status === 'rejected' && read.reason), /"nowhere" does not exist/)
    }
    await storage.close()
  })

  test('units that lock rows in opposite orders both get through', async () => {
    const storage = await openItems()
    let attempts = 0
    let holding = 0
    let bothHold = () => {}
    const meeting = new Promise<void>((resolve) => {
      bothHold = resolve
    })
    const lockBoth = (first: number, second: number) =>
      storage.write(async (tx) => {
        attempts++
        await tx.get`select set_config('deadlock_timeout', '20ms', true)`
        await hit(tx, first)
        if (++holding === 2) bothHold()
        await meeting
        await hit(tx, second)
      })
    await Promise.all([lockBoth(1, 2), lockBoth(2, 1)])
    assert.deepEqual(await hits(storage), [2, 2])
    assert.ok(attempts > 2, 'there was a deadlock, and a second try')
    await storage.close()
  })

  test('a row that stays locked makes the write unavailable', async () => {
    const storage = await openItems()
    let release = () => {}
    const done = new Promise<void>((resolve) => {
      release = resolve
    })
    let locked = () => {}
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve
    })
    const holder = storage.write(async (tx) => {
      await hit(tx, 1)
      locked()
      await done
    })
    await isLocked
    const waiting = storage.write(async (tx) => {
      const limit = await tx.get<{ lock_timeout: string }>`show lock_timeout`
      assert.equal(limit?.lock_timeout, '2s')
      await tx.get`select set_config('lock_timeout', '20ms', true)`
      await hit(tx, 1)
    })
    await assert.rejects(waiting, isUnavailable)
    release()
    await holder
    assert.deepEqual(await hits(storage), [1, 0])
    await storage.close()
  })

  test('two nodes share the database', async () => {
    const storage = await openItems()
    const schema = await storage.read.get<{ name: string }>`select current_schema() as name`
    const url = new URL(process.env.TEST_DATABASE_URL ?? '')
    url.searchParams.set('options', `-c search_path=${schema?.name}`)
    const other = await openPostgres(url.href, { random })
    const both = [storage, other].flatMap((node) =>
      Array.from({ length: 50 }, () => node.write((tx) => hit(tx, 1))),
    )
    await Promise.all(both)
    assert.deepEqual(await hits(other), [100, 0])
    await other.close()
    await storage.close()
  })
}
