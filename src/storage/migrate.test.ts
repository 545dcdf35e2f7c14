import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { engines, makeTemporaryDirectory } from '../../test/support/engines.ts'
import { migrate } from './migrate.ts'

const directory = makeTemporaryDirectory()
let directories = 0

function makeMigrations(files: Record<string, string>): string {
  const path = join(directory, String(directories++))
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

const FIRST = `-- Boxes; this comment has a semicolon;
create table box (
  id bigint primary key, -- another;
  data bytea
);
create index box_by_data on box (data);
`
const SECOND = `alter table box add column name text;\n\ninsert into box (id, name) values (1, 'first');\n`

for (const { name, open } of engines) {
  describe(`migrate on ${name}`, () => {
    test('runs what is new, in order, once', async () => {
      const storage = await open()
      assert.deepEqual(await migrate(storage, makeMigrations({ '0001-box.sql': FIRST })), ['0001-box.sql'])
      const both = makeMigrations({
        '0002-name.sql': SECOND,
        '0001-box.sql': FIRST,
        'notes.md': 'no migration',
      })
      assert.deepEqual(await migrate(storage, both), ['0002-name.sql'])
      assert.deepEqual(await migrate(storage, both), [])
      assert.equal((await storage.read.get<{ name: string }>`select name from box`)?.name, 'first')
      await assert.rejects(
        storage.write((tx) => tx.run`insert into box (id) values (${'not a number'})`),
        'the engine holds the column types',
      )
      await storage.close()
    })

    test('several at once run it once', async () => {
      const storage = await open()
      const path = makeMigrations({ '0001-box.sql': FIRST, '0002-name.sql': SECOND })
      const ran = await Promise.all(Array.from({ length: 4 }, () => migrate(storage, path)))
      assert.deepEqual(ran.flat(), ['0001-box.sql', '0002-name.sql'])
      await storage.close()
    })

    test('a migration that fails leaves nothing', async () => {
      const storage = await open()
      const broken = makeMigrations({
        '0001-box.sql': FIRST,
        '0002-broken.sql': 'create table other (id nonsense (;\n',
      })
      await assert.rejects(migrate(storage, broken))
      await assert.rejects(storage.read.get`select id from box`)
      const mended = makeMigrations({ '0001-box.sql': FIRST, '0002-name.sql': SECOND })
      assert.equal((await migrate(storage, mended)).length, 2)
      await storage.close()
    })

    test('refuses a database of a newer version', async () => {
      const storage = await open()
      await migrate(storage, makeMigrations({ '0001-box.sql': FIRST, '0002-name.sql': SECOND }))
      await assert.rejects(
        migrate(storage, makeMigrations({ '0001-box.sql': FIRST })),
        /newer version \(it is at 2, this version knows up to 1\)/,
      )
      await storage.close()
    })

    test('our own migrations run', async () => {
      const storage = await open()
      assert.ok((await migrate(storage)).includes('0001-init.sql'))
      assert.deepEqual(await migrate(storage), [])
      await storage.close()
    })
  })
}
