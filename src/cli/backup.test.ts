import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { makePlace, startPlace } from '../../test/support/command-line.ts'
import { random, stillClock } from '../../test/support/engines.ts'
import { openInstallation } from '../storage/installation.ts'
import { migrate } from '../storage/migrate.ts'
import { openSqlite } from '../storage/sqlite.ts'

test('a backup is made while it serves, and restored where its key is', async (t) => {
  const { json, run, server, dataDir, cwd, isSqlite } = await startPlace(t)
  if (!isSqlite) {
    assert.match((await run('backup', 'copy')).err, /pg_dump/)
    assert.match((await run('restore', 'copy')).err, /pg_restore/)
    return
  }
  const made = await json('backup', 'copy.db')
  assert.deepEqual([made.path, statSync(made.path).mode & 0o777], [join(cwd, 'copy.db'), 0o600])
  assert.match((await run('backup', 'copy.db')).err, /is there already/)
  assert.match((await run('restore', 'copy.db', '--force')).err, /in use by another process/)

  const elsewhere = await makePlace(t)
  copyFileSync(made.path, join(elsewhere.cwd, 'copy.db'))
  assert.match((await elsewhere.run('restore', 'copy.db')).err, /no master key/)
  mkdirSync(elsewhere.dataDir, { recursive: true })
  writeFileSync(join(elsewhere.dataDir, 'master-keys'), `${Buffer.alloc(32, 7).toString('base64')}\n`, {
    mode: 0o600,
  })
  assert.match((await elsewhere.run('restore', 'copy.db')).err, /sealed with master key/)
  copyFileSync(join(dataDir, 'master-keys'), join(elsewhere.dataDir, 'master-keys'))
  assert.equal((await elsewhere.run('restore', 'copy.db')).status, 0)
  assert.equal((await elsewhere.json('token', 'show')).auth_token, server.authToken)
  assert.match((await elsewhere.run('restore', 'copy.db')).err, /--force/)
  const { kept } = await elsewhere.json('restore', 'copy.db', '--force')
  assert.match(kept, /countersign\.db\.before-restore-\d+$/)
  const events = (await elsewhere.run('audit', 'export')).out.split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(
    events
      .filter(({ resource_type }) => resource_type === 'backup')
      .map(({ event_type, actor_type, event_data, mac }) => [
        event_type,
        actor_type,
        event_data,
        mac !== null,
      ]),
    [['backup.restored', 'operator', { from: join(elsewhere.cwd, 'copy.db'), kept }, true]],
  )
  assert.equal((await elsewhere.run('audit', 'verify')).status, 0)
  writeFileSync(join(elsewhere.cwd, 'broken.db'), 'x'.repeat(5_000))
  assert.match((await elsewhere.run('restore', 'broken.db', '--force')).err, /is not a backup/)
})

/** Whatever database the other tests are on. */
const onSqlite = { DATABASE_URL: undefined }

/** As a node that makes backups with two keys: while a rotation is under way, what was sealed before waits. */
async function backUpWithTwoKeys(t: TestContext) {
  const place = await makePlace(t, onSqlite)
  await (await place.serve()).close()
  const [first] = (await place.json('master-key', 'status')).keys
  const {
    added: [second],
  } = await place.json('master-key', 'add')
  await place.json('master-key', 'activate', second)
  const account = await place.json('account', 'create', 'Sealed with the second')
  const backup = await place.run('backup', 'copy.db')
  return { ...place, ids: [first.id, second].sort(), account, backup }
}

test('a backup names each master key it needs, and a restore each that is missing', async (t) => {
  const { cwd, dataDir, ids, account, backup } = await backUpWithTwoKeys(t)
  assert.match(backup.err, new RegExp(`master key ${ids.join(' and ')}: keep a copy of each`))
  const keys = readFileSync(join(dataDir, 'master-keys'), 'utf8').trim().split('\n')
  const elsewhere = await makePlace(t, onSqlite)
  mkdirSync(elsewhere.dataDir, { recursive: true })
  const restoreWith = (...keys: string[]) => {
    writeFileSync(join(elsewhere.dataDir, 'master-keys'), `${keys.join('\n')}\n`, { mode: 0o600 })
    return elsewhere.run('restore', join(cwd, 'copy.db'))
  }
  const other = Buffer.alloc(32, 7).toString('base64')
  const neither = await restoreWith(other)
  assert.equal(neither.status, 1)
  assert.match(neither.err, new RegExp(`sealed with master keys ${ids.join(' and ')}, which this node`))
  const [firstLine = '', secondLine = ''] = keys
  const one = await restoreWith(other, secondLine)
  const [lacking] = ids.filter((id) => one.err.includes(id))
  assert.match(one.err, new RegExp(`sealed with master key ${lacking}, which this node`))
  assert.equal(existsSync(join(elsewhere.dataDir, 'countersign.db')), false)
  assert.equal((await restoreWith(other, secondLine, firstLine)).status, 0)
  const shown = await elsewhere.json('token', 'show', '--account', account.sid)
  assert.equal(shown.auth_token, account.auth_token)
})

test('a backup that an older version made is restored, and brought up to date by the next start', async (t) => {
  const place = await makePlace(t, onSqlite)
  mkdirSync(place.dataDir, { recursive: true, mode: 0o700 })
  const first = join(place.cwd, 'migrations')
  mkdirSync(first)
  copyFileSync(new URL('../storage/migrations/0001-init.sql', import.meta.url), join(first, '0001-init.sql'))
  const old = await openSqlite(join(place.cwd, 'old.db'), { clock: stillClock })
  await migrate(old, first)
  const keys = { dataDir: place.dataDir, masterKeys: undefined, masterKeyFile: undefined, random }
  await openInstallation(old, { ...keys, placements: 1, nowMs: 0 })
  await old.close()

  const restored = await place.run('restore', 'old.db')
  assert.equal(restored.status, 0, restored.err)
  assert.match(restored.err, /An older version made it: the next start brings its tables up to date/)
  assert.match((await place.run('token', 'show')).err, /tables of an older version: start the server/)
  const server = await place.serve()
  t.after(() => server.close())
  assert.equal((await place.json('token', 'show')).auth_token, server.authToken)
})

test('a backup that a newer version made is refused, and nothing is touched', async (t) => {
  const place = await makePlace(t, onSqlite)
  await (await place.serve()).close()
  await place.json('backup', 'newer.db')
  const db = new DatabaseSync(join(place.cwd, 'newer.db'))
  db.exec("insert into migration (version, name) values (9999, '9999-later.sql')")
  db.close()
  const { status, err } = await place.run('restore', 'newer.db', '--force')
  assert.equal(status, 1)
  assert.match(err, /migrated by a newer version \(it is at 9999/)
  assert.deepEqual(
    readdirSync(place.dataDir).filter((name) => /restore|unfinished/.test(name)),
    [],
  )
})
