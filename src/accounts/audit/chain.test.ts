import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { fakeClock } from '../../../test/support/clock.ts'
import { type TestServer, testServer } from '../../../test/support/server.ts'
import type { Clock } from '../../clock.ts'
import { closeContext, openContext } from '../../context.ts'
import type { Tx } from '../../storage/storage.ts'
import { createService } from '../../verify/services/service.ts'
import { verify } from './administer.ts'
import { sealAudit } from './sealer.ts'
import { verifyAudit } from './verify.ts'

async function serve(t: TestContext) {
  const clock = fakeClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  return { server, ctx: server.ctx, clock }
}

/** Five services: with the first account six events, sealed. */
async function sealed(t: TestContext) {
  const world = await serve(t)
  for (let n = 0; n < 5; n++) await world.server.post('/v2/Services', { FriendlyName: 'Sealed' })
  await world.clock.advance('3s')
  await sealAudit(world.ctx)
  return world
}

const headLines = ({ logged }: TestServer) =>
  logged.flatMap((line) => {
    const { audit_head } = JSON.parse(line)
    return audit_head ? [audit_head as string] : []
  })

test('events are sealed once they are two seconds old, in their order, and each head is logged', async (t) => {
  const { server, ctx, clock } = await serve(t)
  await server.post('/v2/Services', { FriendlyName: 'First' })
  assert.equal(await sealAudit(ctx), 0)
  assert.equal((await verifyAudit(ctx)).open, 2)
  await clock.advance('2s')
  await server.post('/v2/Services', { FriendlyName: 'Second' })
  assert.equal(await sealAudit(ctx), 2)
  await clock.advance('2s')
  assert.equal(await sealAudit(ctx), 1)
  assert.equal(await sealAudit(ctx), 0)
  const { head, ...verdict } = await verifyAudit(ctx)
  assert.deepEqual(verdict, { sealed: 3, open: 0, problems: [] })
  assert.deepEqual(
    headLines(server).map((line) => line.split(':')[0]),
    ['2', '3'],
  )
  assert.equal(headLines(server).at(-1), head)
})

test('more events than fit into one bite, and an empty log', async (t) => {
  const { server, ctx, clock } = await serve(t)
  const caller = {
    accountSid: server.accountSid,
    ownAccountSid: server.accountSid,
    actorSid: server.accountSid,
    actorType: 'account' as const,
    sourceIp: '192.0.2.1',
  }
  await Promise.all(Array.from({ length: 1_200 }, () => createService(ctx, caller, { FriendlyName: 'Many' })))
  assert.deepEqual((await verifyAudit(ctx)).problems, [])
  await clock.advance('3s')
  assert.equal(await sealAudit(ctx), 1_201)
  assert.deepEqual(await verifyAudit(ctx), {
    sealed: 1_201,
    open: 0,
    head: headLines(server).at(-1),
    problems: [],
  })
})

describe('behind the API', () => {
  const TAMPERINGS: Record<string, [(tx: Tx) => Promise<unknown>, RegExp]> = {
    'who did it is changed': [
      (tx) => tx.run`update audit_event set actor_sid = ${'SK0'} where n = ${3}`,
      /^event 3 \(AE\w+\) was changed/,
    ],
    'what happened is changed': [
      (tx) => tx.run`update audit_event set data = ${'{}'} where n = ${2}`,
      /^event 2 \(AE\w+\) was changed/,
    ],
    'an event is taken out': [
      (tx) => tx.run`delete from audit_event where n = ${4}`,
      /^events 4 to 4 are gone/,
    ],
    'the newest is taken out': [
      (tx) => tx.run`delete from audit_event where n = ${6}`,
      /^events 6 to 6 are gone/,
    ],
    'an event is taken out, and those after it renumbered': [
      async (tx) => {
        await tx.run`delete from audit_event where n = ${4}`
        await tx.run`update audit_event set n = ${4} where n = ${5}`
        await tx.run`update audit_event set n = ${5} where n = ${6}`
        await tx.run`update audit_head set n = ${5} where id = 1`
      },
      /^event 4 \(AE\w+\) does not follow/,
    ],
    'two events change places': [
      async (tx) => {
        await tx.run`update audit_event set n = ${99} where n = ${2}`
        await tx.run`update audit_event set n = ${2} where n = ${3}`
        await tx.run`update audit_event set n = ${3} where n = ${99}`
      },
      /^event 2 \(AE\w+\) does not follow/,
    ],
    'an event is put in': [
      (tx) => tx.run`insert into audit_event
        select ${`AE${'0'.repeat(32)}`}, account_sid, actor_sid, actor_type, event_type, resource_type, resource_sid,
          data, source, source_ip, created_at, row_mac, 7, mac from audit_event where n = ${6}`,
      /^event 7 \(AE0+\) lies beyond the head/,
    ],
    'the seals of the end are undone': [
      async (tx) => {
        await tx.run`update audit_event set n = null, mac = null where n = ${6}`
      },
      /^events 6 to 6 are gone/,
    ],
    'the head is taken out': [
      (tx) => tx.run`delete from audit_head`,
      /^event 1 \(AE\w+\) lies beyond the head/,
    ],
  }
  for (const [what, [tamper, told]] of Object.entries(TAMPERINGS)) {
    test(`${what}: verify tells`, async (t) => {
      const { ctx } = await sealed(t)
      assert.deepEqual((await verifyAudit(ctx)).problems, [])
      await ctx.storage.system.write(tamper)
      assert.match((await verifyAudit(ctx)).problems[0] ?? '', told)
    })
  }

  test('an event that is put in without a seal does not become true by getting one', async (t) => {
    const { ctx, clock } = await sealed(t)
    await ctx.storage.system.write(
      (tx) => tx.run`insert into audit_event
        select ${`AE${'0'.repeat(32)}`}, account_sid, actor_sid, actor_type, event_type, resource_type, resource_sid,
          data, source, source_ip, created_at, row_mac, null, null from audit_event where n = ${6}`,
    )
    assert.match((await verifyAudit(ctx)).problems[0] ?? '', /^event AE0+ was changed or put in/)
    await clock.advance('3s')
    assert.equal(await sealAudit(ctx), 1)
    assert.match((await verifyAudit(ctx)).problems[0] ?? '', /^event 7 \(AE0+\) was changed or put in/)
  })

  test('only a head that was kept elsewhere tells that the end was cut off with the head', async (t) => {
    const { server, ctx } = await sealed(t)
    const kept = headLines(server).at(-1) ?? ''
    await ctx.storage.system.write(async (tx) => {
      await tx.run`update audit_head set n = ${5}, mac = (select mac from audit_event where n = ${5}) where id = 1`
      await tx.run`delete from audit_event where n = ${6}`
    })
    assert.deepEqual((await verifyAudit(ctx)).problems, [])
    assert.deepEqual((await verify(ctx, { head: kept })).problems, [
      'the chain ends at 5, before the head that was kept (6): events were cut off',
    ])
    // And began anew from there: the number is reached again, with another MAC.
    await server.post('/v2/Services', { FriendlyName: 'Another' })
    await (ctx.clock as ReturnType<typeof fakeClock>).advance('3s')
    await sealAudit(ctx)
    assert.deepEqual((await verify(ctx, { head: kept })).problems, [
      'event 6 is not the one of the head that was kept',
    ])
  })

  test('a head that is none is refused, and each that was logged is found', async (t) => {
    const { server, ctx, clock } = await sealed(t)
    await server.post('/v2/Services', { FriendlyName: 'Later' })
    await clock.advance('3s')
    await sealAudit(ctx)
    for (const head of headLines(server)) assert.deepEqual((await verify(ctx, { head })).problems, [])
    await assert.rejects(verify(ctx, { head: '6' }), /not a head/)
  })
})

/** Time that passes with each look at it, the same for two nodes. */
function busyClock(): Clock {
  let now = Date.parse('2026-11-20T12:00:00Z')
  return { now: () => (now += 2), after: () => () => {} }
}

test('two nodes seal under load: one chain, nothing left out, nothing twice', async (t) => {
  const clock = busyClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  const one = server.ctx
  // On SQLite one process owns the file: two sealers of one node.
  const isShared = one.storage.engine === 'postgres'
  const other = isShared ? await openContext(one.config, one.log, { clock }) : one
  if (isShared) t.after(() => closeContext(other))
  const caller = {
    accountSid: server.accountSid,
    ownAccountSid: server.accountSid,
    actorSid: server.accountSid,
    actorType: 'account' as const,
    sourceIp: '192.0.2.1',
  }
  const CHANGES = 1_000
  let changing = true
  const changes = Promise.all(
    [one, other].map(async (ctx) => {
      for (let n = 0; n < CHANGES; n += 10) {
        await Promise.all(
          Array.from({ length: 10 }, () => createService(ctx, caller, { FriendlyName: 'Load' })),
        )
      }
    }),
  ).finally(() => {
    changing = false
  })
  const seal = async (ctx: typeof one) => {
    let count = 0
    while (changing) {
      count += await sealAudit(ctx)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return count
  }
  const [sealedByOne = 0, sealedByOther = 0] = await Promise.all([seal(one), seal(other), changes])
  for (let n = 0; n < 1_001; n++) clock.now()
  const rest = await sealAudit(one)
  assert.equal(sealedByOne + sealedByOther + rest, 2 * CHANGES + 1)
  assert.ok(sealedByOne > 0 && sealedByOther > 0, 'both sealed')
  const { head, ...verdict } = await verifyAudit(other)
  assert.deepEqual(verdict, { sealed: 2 * CHANGES + 1, open: 0, problems: [] })
})

test('a chain that is sealed while it is verified is whole', async (t) => {
  const { server, ctx, clock } = await sealed(t)
  for (let n = 0; n < 10; n++) {
    await server.post('/v2/Services', { FriendlyName: 'Meanwhile' })
    await clock.advance('3s')
    const [verdict] = await Promise.all([verifyAudit(ctx), sealAudit(ctx)])
    assert.deepEqual(verdict.problems, [])
  }
})
