import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { until } from '../../test/support/carrier.ts'
import { fakeClock } from '../../test/support/clock.ts'
import { freshNumber, type TestServer, testServer } from '../../test/support/server.ts'
import { openContext } from '../context.ts'
import { addToRingFile, keyId, ringFile } from '../storage/key-ring.ts'
import { removeNode, reportNode } from '../storage/nodes.ts'
import { countSealed, resealColumn, type SealedColumn } from '../storage/reseal.ts'
import { Clause } from '../storage/storage.ts'
import { backUp } from './backup.ts'
import { checkReadiness } from './health.ts'
import { activateMasterKey, retireMasterKey, showMasterKeys } from './master-key.ts'
import { sealedColumns } from './sealed-columns.ts'

async function start(t: TestContext) {
  const clock = fakeClock()
  const server = await testServer({ clock })
  await server.ctx.node.start()
  t.after(() => server.close())
  return { server, clock, ctx: server.ctx, old: server.ctx.vault.activeKeyId }
}

const addKey = async ({ ctx }: TestServer, key = randomBytes(32)) => {
  const [id = ''] = await addToRingFile(ctx.config.dataDir, [key])
  return id
}

const sealedBy = async ({ ctx }: TestServer, id: string) => {
  const { keys } = await showMasterKeys(ctx)
  return keys.find((key) => key.id === id)?.sealed
}

test('a key is added, activated, and the old one retired, while codes go on', async (t) => {
  const { server, ctx, clock, old } = await start(t)
  const [before, after] = [freshNumber(), freshNumber()]
  await server.start(before)
  const code = await server.lastCode(before)
  const id = await addKey(server)
  await activateMasterKey(ctx, { id })
  assert.equal(ctx.vault.activeKeyId, id)
  await server.start(after)
  await server.lastCode(after)
  assert.ok(((await sealedBy(server, old)) ?? 0) >= 4, 'index key, token, code, message')
  if (ctx.storage.backup) {
    const { sealed_with } = await backUp(ctx, { path: join(ctx.config.dataDir, 'copy.db') })
    assert.deepEqual(sealed_with, [old, id].sort())
  }
  await assert.rejects(retireMasterKey(ctx, { id: old }), /values are still sealed/)
  await until(async () => {
    await clock.advance('5s')
    return (await sealedBy(server, old)) === 0
  })
  await until(() =>
    retireMasterKey(ctx, { id: old }).then(
      () => true,
      () => false,
    ),
  )

  const lines = readFileSync(ringFile(ctx.config.dataDir), 'utf8').trim().split('\n')
  assert.deepEqual(
    lines.map((line) => keyId(Buffer.from(line, 'base64'))),
    [id],
  )
  assert.deepEqual(ctx.vault.keyIds, [id])
  assert.equal((await server.check(before, code)).body.status, 'approved')
  assert.equal((await server.check(after, await server.lastCode(after))).body.status, 'approved')
  assert.match(await server.lastCode(before), /^\d{6}$/)
  const { body } = await server.get('/2010-04-01/Accounts.json')
  assert.equal(body.accounts[0].auth_token, server.authToken)
  // As the next start would: with the new key alone.
  if (ctx.storage.engine === 'postgres') {
    const again = await openContext(ctx.config, ctx.log, { clock: ctx.clock })
    assert.deepEqual(again.hash('x'), ctx.hash('x'))
    await again.storage.close()
  }
})

test('and back again: what the second key sealed is sealed anew with the first', async (t) => {
  const { server, ctx, clock, old } = await start(t)
  const id = await addKey(server)
  for (const [next, last] of [
    [id, old],
    [old, id],
  ] as const) {
    await activateMasterKey(ctx, { id: next })
    await until(async () => {
      await clock.advance('5s')
      return (await sealedBy(server, last)) === 0
    })
  }
})

test('a key that a live node lacks is not activated; one that is dead does not count', async (t) => {
  const { server, ctx, old } = await start(t)
  const id = await addKey(server)
  await assert.rejects(activateMasterKey(ctx, { id: '00000000' }), /this node has no master key 00000000/)
  const other = { id: 'other', host: 'far', keyIds: [old], activeKeyId: old }
  await reportNode(ctx.storage, other)
  await assert.rejects(activateMasterKey(ctx, { id }), /not reported master key .*: far\/other\./)
  assert.equal(ctx.vault.activeKeyId, old)
  await reportNode(ctx.storage, { ...other, keyIds: [old, id] })
  await activateMasterKey(ctx, { id })
  // The other one has not said that it seals with it.
  await assert.rejects(retireMasterKey(ctx, { id: old }), /far\/other/)
  await assert.rejects(retireMasterKey(ctx, { id }), /the one that seals/)
  await removeNode(ctx.storage, 'other')

  const third = await addKey(server)
  await reportNode(ctx.storage, other)
  await ctx.storage.system.write(
    (tx) => tx.run`update node set seen_at = seen_at - ${31_000} where id = 'other'`,
  )
  await activateMasterKey(ctx, { id: third })
})

test('a node without the key that seals neither seals nor is ready, until it has it', async (t) => {
  const { server, ctx } = await start(t)
  const id = await addKey(server)
  const path = ringFile(ctx.config.dataDir)
  const both = readFileSync(path, 'utf8')
  await activateMasterKey(ctx, { id })
  writeFileSync(path, `${both.split('\n')[0]}\n`)
  await ctx.node.renew()
  const lacking = await checkReadiness(ctx)
  assert.deepEqual([lacking.ready, lacking.checks['master key']], [false, `this node lacks ${id}`])
  assert.equal((await server.start(freshNumber())).status, 500)
  writeFileSync(path, both)
  await ctx.node.renew()
  assert.equal((await checkReadiness(ctx)).checks['master key'], 'ok')
  assert.equal((await server.start(freshNumber())).status, 201)
})

test('a key file that cannot be used leaves the keys as they are', async (t) => {
  const { server, ctx, clock, old } = await start(t)
  const path = ringFile(ctx.config.dataDir)
  chmodSync(path, 0o644)
  await assert.rejects(ctx.node.renew(), /can be read by others/)
  await clock.advance('5s')
  await until(() => server.logged.some((line) => /report of this node failed/.test(line)))
  chmodSync(path, 0o600)
  assert.deepEqual(ctx.vault.keyIds, [old])
  assert.equal((await server.start(freshNumber())).status, 201)
})

test('a node that cannot report any more seals nothing and is not ready, until it can', async (t) => {
  const { server, ctx, clock } = await start(t)
  await ctx.storage.system.write((tx) => tx.run`alter table node rename to node_away`)
  await clock.advance('25s')
  assert.equal((await server.start(freshNumber())).status, 201)
  await clock.advance('1ms')
  const refused = await server.start(freshNumber())
  assert.deepEqual([refused.status, refused.body.code], [503, 20503])
  const reply = await server.app.inject({ url: '/readyz' })
  assert.equal(reply.statusCode, 503)
  assert.match(reply.json().checks['master key'], /could not report/)
  await ctx.storage.system.write((tx) => tx.run`alter table node_away rename to node`)
  await ctx.node.renew()
  assert.equal((await server.start(freshNumber())).status, 201)
})

test('a key file that cannot be read does not hide that another key seals', async (t) => {
  const { server, ctx, old } = await start(t)
  const id = await addKey(server)
  await ctx.node.renew()
  // Another node activates it.
  await ctx.storage.system.write((tx) => tx.run`update installation set active_key_id = ${id}`)
  chmodSync(ringFile(ctx.config.dataDir), 0o644)
  await assert.rejects(ctx.node.renew(), /can be read by others/)
  assert.deepEqual([ctx.vault.activeKeyId, ctx.vault.keyIds], [id, [old, id]])
  const reported = await ctx.storage.system.read.get`select active_key_id as id from node`
  assert.deepEqual({ ...(reported as object) }, { id })
})

const messagesOf = ({ ctx }: TestServer) =>
  sealedColumns(ctx).find(({ table }) => table === 'inbox_message') as SealedColumn

test('sealing anew is done in bites, goes on where it was stopped, and leaves what changes meanwhile', async (t) => {
  const { server, ctx, old } = await start(t)
  const numbers = Array.from({ length: 250 }, freshNumber)
  await Promise.all(numbers.map((to) => server.start(to)))
  await ctx.delivery.drained()
  const id = await addKey(server)
  await activateMasterKey(ctx, { id })
  const at = messagesOf(server)
  const left = () => countSealed(ctx.storage, at, old)
  assert.equal(await left(), 250)
  let bites = 0
  await resealColumn(ctx.storage, ctx.vault, at, ctx.placements, () => bites++ === 1)
  assert.equal(await left(), 150)
  await resealColumn(ctx.storage, ctx.vault, at, ctx.placements, () => false)
  assert.equal(await left(), 0)
  assert.match(await server.lastCode(numbers[0] ?? ''), /^\d{6}$/)
})

test('every column of bytes is either sealed anew or holds nothing that is sealed', async (t) => {
  const server = await testServer()
  t.after(() => server.close())
  const { ctx } = server
  const text =
    ctx.storage.engine === 'sqlite'
      ? `select m.name || '.' || p.name as at from sqlite_schema m, pragma_table_info(m.name) p
         where m.type = 'table' and p.type = 'BLOB' collate nocase order by 1`
      : `select table_name || '.' || column_name as at from information_schema.columns
         where table_schema = current_schema() and data_type = 'bytea' order by 1`
  const rows = await ctx.storage.system.read.all<{ at: string }>`${new Clause([text], [])}`
  const sealed = sealedColumns(ctx).map(({ table, column }) => `${table}.${column}`)
  /** Hashes, and what customers uploaded. */
  const open = [
    'account.auth_token_hash',
    'account.configured_token_hash',
    'account.secondary_auth_token_hash',
    'api_key.secret_hash',
    'attempt.slot',
    'audit_event.mac',
    'audit_event.row_mac',
    'audit_head.mac',
    'fn_blob.content',
    'replaced_token.token_hash',
    'verification.slot',
  ]
  assert.deepEqual(rows.map(({ at }) => at).sort(), [...sealed, ...open].sort())
})
