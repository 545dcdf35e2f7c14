// What both engines promise alike. What only one of them can do is in sqlite.test.ts and postgres.test.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { engines } from '../../test/support/engines.ts'
import { Clause, Fragment, type Storage, sql, type Tx, where } from './storage.ts'

const integer = { sqlite: 'integer', postgres: 'bigint' }
const bytes = { sqlite: 'blob', postgres: 'bytea' }

async function openItems(open: () => Promise<Storage>): Promise<Storage> {
  const storage = await open()
  const { engine } = storage
  const text = `create table item (id ${integer[engine]} primary key, name text not null unique,
    hits ${integer[engine]} not null default 0, data ${bytes[engine]})`
  await storage.write((tx) => tx.run`${new Clause([text], [])}`)
  return storage
}

const put = (storage: Storage, id: number, name = `item ${id}`) =>
  storage.write((tx) => tx.run`insert into item (id, name) values (${id}, ${name})`)

const ids = async (storage: Storage) =>
  (await storage.read.all<{ id: number }>`select id from item order by id`).map(({ id }) => id)

for (const { name, open } of engines) {
  describe(`storage on ${name}`, () => {
    test('values come back as they went in', async () => {
      const storage = await openItems(open)
      const data = Buffer.from([0, 255, 7])
      const large = 1_795_161_314_245
      const changed = await storage.write(
        (tx) =>
          tx.run`insert into item (id, name, hits, data) values (${large}, ${"it's; --"}, ${3}, ${data})`,
      )
      assert.equal(changed, 1)
      const row = await storage.read.get<Record<string, unknown>>`select * from item where id = ${large}`
      assert.deepEqual({ ...row }, { id: large, name: "it's; --", hits: 3, data: new Uint8Array(data) })
      const scanned = await storage.scan.get<Record<string, unknown>>`select data, null as missing from item`
      assert.deepEqual({ ...scanned }, { data: new Uint8Array(data), missing: null })
      const made = await storage.read.get<Record<string, unknown>>`
        select count(*) as n, sum(hits) as total, max(hits) = ${3} as yes from item`
      assert.deepEqual({ ...made }, { n: 1, total: 3, yes: 1 })
      assert.equal(await storage.read.get`select id from item where id = ${1}`, undefined)
      assert.deepEqual(await storage.scan.all`select id from item where id = ${1}`, [])
      await storage.close()
    })

    test('the dialect: upsert returning, row comparison, conditional update', async () => {
      const storage = await openItems(open)
      const hit = () =>
        storage.write(
          (tx) => tx.get<{ hits: number }>`insert into item (id, name, hits) values (${1}, ${'a'}, ${1})
            on conflict (id) do update set hits = item.hits + 1 returning hits`,
        )
      assert.equal((await hit())?.hits, 1)
      assert.equal((await hit())?.hits, 2)
      await put(storage, 2, 'b')
      const older = await storage.read.all<{ id: number }>`
        select id from item where (name, id) < (${'b'}, ${2}) order by name desc, id desc limit ${5}`
      assert.deepEqual(
        older.map(({ id }) => id),
        [1],
      )
      const update = (was: number) =>
        storage.write((tx) => tx.run`update item set hits = ${9} where id = ${1} and hits = ${was}`)
      assert.equal(await update(5), 0)
      assert.equal(await update(2), 1)
      await storage.close()
    })

    test('clauses vary, nest and are found by their text', async () => {
      const texts: string[] = []
      const storage = await openItems(() => open((text) => texts.push(text)))
      for (const id of [1, 2, 3]) await put(storage, id, `n${id % 2}-${id}`)
      const list = async (from?: number, names?: string[]) => {
        const nameIs = names && sql`(name = ${names[0] ?? ''} or name = ${names[1] ?? ''})`
        const conditions = where([from === undefined ? undefined : sql`id >= ${from}`, nameIs])
        const rows = await storage.read.all<{
          id: number
        }>`select id from item ${conditions} order by id limit ${9}`
        return rows.map(({ id }) => id)
      }
      assert.deepEqual(await list(), [1, 2, 3])
      assert.deepEqual(await list(2), [2, 3])
      assert.deepEqual(await list(3), [3])
      assert.deepEqual(await list(2, ['n1-1', 'n1-3']), [3])
      const prepared = texts.filter((text) => /select id from item .*order by/.test(text))
      assert.equal(prepared.length, 3, 'one statement for each combination of filters')
      await storage.close()
    })

    test('a fragment belongs to the text; another one in the same place is refused', async () => {
      const storage = await openItems(open)
      await put(storage, 1)
      await put(storage, 2)
      const list = (order: Fragment) =>
        storage.read.all<{ id: number }>`select id from item order by ${order}`
      const descending = new Fragment('id desc')
      assert.deepEqual(
        (await list(descending)).map(({ id }) => id),
        [2, 1],
      )
      assert.equal((await list(descending)).length, 2)
      await assert.rejects(list(new Fragment('id')), /must be constant/)
      await storage.close()
    })

    test('a unit sees its own writes, nobody else does before the commit, everybody after', async () => {
      const storage = await openItems(open)
      await storage.write(async (tx) => {
        await tx.run`insert into item (id, name) values (${1}, ${'mine'})`
        assert.equal((await tx.get<{ name: string }>`select name from item where id = ${1}`)?.name, 'mine')
        // A foreign await, but one that is settled already on SQLite.
        assert.equal(await storage.read.get`select name from item where id = ${1}`, undefined)
      })
      const writeAndRead = async (id: number) => {
        await put(storage, id)
        return (await storage.read.get<{ id: number }>`select id from item where id = ${id}`)?.id
      }
      const wanted = Array.from({ length: 500 }, (_, i) => i + 2)
      assert.deepEqual(await Promise.all(wanted.map(writeAndRead)), wanted)
      await storage.close()
    })

    test('a failing unit rolls back alone, also when it hides the error', async () => {
      const storage = await openItems(open)
      await put(storage, 1)
      const unitsThatFail: ((tx: Tx) => Promise<unknown>)[] = [
        async () => {
          throw new Error('its own reason')
        },
        (tx) => tx.run`insert into item (id, name) values (${1}, ${'taken'})`,
        async (tx) => {
          await tx.run`insert into item (id, name) values (${1}, ${'taken'})`.catch(() => {})
        },
        async (tx) => {
          tx.run`insert into item (id, name) values (${1}, ${'nobody awaits this'})`
        },
        async (tx) => {
          await tx.run`no such statement`.catch(() => {})
          await tx.get`select 1`
        },
        () => {
          throw new Error('before its first promise')
        },
      ]
      const settled = await Promise.allSettled([
        put(storage, 2),
        ...unitsThatFail.map((fail, i) =>
          storage.write(async (tx) => {
            await tx.run`insert into item (id, name) values (${100 + i}, ${`left over ${i}`})`
            await fail(tx)
          }),
        ),
        put(storage, 3),
      ])
      const refused = unitsThatFail.map(() => 'rejected')
      assert.deepEqual(
        settled.map(({ status }) => status),
        ['fulfilled', ...refused, 'fulfilled'],
      )
      assert.deepEqual(await ids(storage), [1, 2, 3])
      await storage.close()
    })

    test('of 1,000 units that decide upon one row exactly five get through', async () => {
      const storage = await openItems(open)
      await put(storage, 1)
      const guess = () =>
        storage.write(async (tx) => {
          const row = await tx.get<{
            hits: number
          }>`select hits from item where id = ${1}${storage.forUpdate}`
          if (!row || row.hits >= 5) return false
          await tx.run`update item set hits = ${row.hits + 1} where id = ${1}`
          return true
        })
      const passed = await Promise.all(Array.from({ length: 1_000 }, guess))
      assert.equal(passed.filter(Boolean).length, 5)
      assert.equal((await storage.read.get<{ hits: number }>`select hits from item`)?.hits, 5)
      await storage.close()
    })

    test('a unit may send several statements at once, and may run none', async () => {
      const storage = await openItems(open)
      await put(storage, 1)
      const sent = await storage.write((tx) =>
        Promise.all([
          tx.run`update item set hits = hits + 1 where id = ${1}`,
          tx.get<{ hits: number }>`select hits from item where id = ${1}`,
        ]),
      )
      assert.deepEqual([sent[0], sent[1]?.hits], [1, 1])
      assert.equal(await storage.write(async () => 'nothing to do'), 'nothing to do')
      await storage.close()
    })

    test('a tx is of no use after its unit', async () => {
      const storage = await openItems(open)
      const kept = await storage.write(async (tx) => {
        await tx.get`select 1`
        return { tx }
      })
      await assert.rejects(kept.tx.get`select 1`, /after its unit ended/)
      await storage.close()
    })

    test('an observer is told each statement once, and whether it was for the system', async () => {
      const seen: [string, boolean][] = []
      const storage = await openItems(() => open((text, system) => seen.push([text, system])))
      seen.length = 0
      for (const id of [1, 2]) {
        await storage.read.get`select hits from item where id = ${id}`
        await storage.system.write((tx) => tx.run`delete from item where id = ${id}`)
      }
      const one = name === 'sqlite' ? '?' : '$1'
      assert.deepEqual(seen, [
        [`select hits from item where id = ${one}`, false],
        [`delete from item where id = ${one}`, true],
      ])
      await storage.close()
    })

    test('ping tells the clock of the database', async () => {
      const storage = await open()
      const days = ((await storage.ping()) - Date.now()) / 86_400_000
      assert.ok(Math.abs(days) < 1, `${days} days apart`)
      await storage.close()
    })

    test('close waits for the units that are queued, and refuses later ones', async () => {
      const storage = await openItems(open)
      const queued = Promise.all(Array.from({ length: 600 }, (_, i) => put(storage, i)))
      const closed = storage.close()
      await assert.rejects(put(storage, 9999), /closed/)
      assert.equal((await queued).length, 600)
      await closed
    })
  })
}
