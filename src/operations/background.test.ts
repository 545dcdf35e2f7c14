import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { until } from '../../test/support/carrier.ts'
import { fakeClock } from '../../test/support/clock.ts'
import { type TestServer, testServer } from '../../test/support/server.ts'
import { planRoutes } from '../delivery/choose.ts'
import { DeliveryQueue } from '../delivery/queue.ts'
import { recordReceipt } from '../delivery/receipts.ts'
import { runBackground, startBackground } from './background.ts'

async function serve(t: TestContext, env: NodeJS.ProcessEnv = {}) {
  const clock = fakeClock()
  const server = await testServer({ clock, env })
  t.after(() => server.close())
  const { ctx } = server
  await ctx.delivery.close()
  // One that sends but does not sweep: it would look at every second of the days that pass here.
  ctx.delivery = new DeliveryQueue(ctx, planRoutes(ctx.config, ctx.providers, clock))
  const startMany = async (count: number, name: string) => {
    const sids = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const { body } = await server.start(`${name}-${i}@example.com`, { Channel: 'email' })
        return body.sid as string
      }),
    )
    await ctx.delivery.drained()
    return sids
  }
  return { server, clock, startMany }
}

interface Row {
  sid: string
  status: string
  open: number
  code: Uint8Array | null
}
const readRows = ({ ctx }: TestServer) =>
  ctx.storage.system.read.all<Row>`select sid, status, open, code from verification order by sid`

test('what expires is written down as expired and its code erased; the rest stays', async (t) => {
  const { server, clock, startMany } = await serve(t)
  const [canceled, exhausted] = (await startMany(2, 'early')) as [string, string]
  const path = `/v2/Services/${server.serviceSid}/Verifications`
  await server.post(`${path}/${canceled}`, { Status: 'canceled' })
  for (let guess = 0; guess < 5; guess++) await server.check('early-1@example.com', '0000000000')
  await startMany(1100, 'many')
  await clock.advance('9m')
  const [young] = await startMany(1, 'young')
  await clock.advance('61s')
  await runBackground(server.ctx)
  const rows = new Map((await readRows(server)).map((row) => [row.sid, row]))
  const statuses = Object.groupBy(rows.values(), ({ status }) => status)
  assert.deepEqual(
    Object.entries(statuses)
      .map(([status, found]) => [status, found?.length])
      .sort(),
    [
      ['canceled', 1],
      ['expired', 1101],
      ['pending', 1],
    ],
  )
  assert.equal(rows.get(exhausted)?.status, 'expired')
  for (const { sid, open, code } of rows.values()) {
    assert.deepEqual([open, code !== null], sid === young ? [1, true] : [0, false])
  }
})

test('codes that were given a longer life than is configured now are erased when that is over', async (t) => {
  const { server, clock, startMany } = await serve(t, { COUNTERSIGN_CODE_TTL_SECONDS: '3600' })
  await startMany(3, 'long')
  const shorter = { ...server.ctx, config: { ...server.ctx.config, codeTtlSeconds: 600 } }
  await clock.advance('11m')
  await runBackground(shorter)
  assert.deepEqual(new Set((await readRows(server)).map(({ status }) => status)), new Set(['pending']))
  await clock.advance('50m')
  await runBackground(shorter)
  for (const { status, code } of await readRows(server)) assert.deepEqual([status, code], ['expired', null])
})

test('several nodes at once expire and prune what one would', async (t) => {
  const { server, clock, startMany } = await serve(t)
  await startMany(600, 'old')
  await clock.advance('31d')
  await startMany(1, 'new')
  await clock.advance('11m')
  await Promise.all([runBackground(server.ctx), runBackground(server.ctx), runBackground(server.ctx)])
  assert.deepEqual(
    (await readRows(server)).map(({ status, code }) => [status, code]),
    [['expired', null]],
  )
})

test('of many placements a round visits some, and the next ones the others', async (t) => {
  const { server, clock, startMany } = await serve(t, { COUNTERSIGN_PLACEMENTS: '257' })
  await startMany(40, 'spread')
  await clock.advance('11m')
  const pending = async () => (await readRows(server)).filter(({ status }) => status === 'pending').length
  await runBackground(server.ctx, 6)
  const left = await pending()
  assert.ok(left > 0 && left < 40, `${left} left`)
  await runBackground(server.ctx, 7)
  assert.equal(await pending(), 0)
  await clock.advance('31d')
  await runBackground(server.ctx, 8)
  assert.equal((await readRows(server)).length, left)
  await runBackground(server.ctx, 9)
  assert.equal((await readRows(server)).length, 0)
})

test('a deleted service goes when nothing of it is left, and no other', async (t) => {
  const { server, clock } = await serve(t)
  const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Gone' })).body
  const sids = async () =>
    (await server.ctx.storage.system.read.all<{ sid: string }>`select sid from service`).map((row) => row.sid)
  await clock.advance('40d')
  await server.del(`/v2/Services/${sid}`)
  await clock.advance('29d')
  await runBackground(server.ctx)
  assert.ok((await sids()).includes(sid))
  await clock.advance('2d')
  await runBackground(server.ctx)
  assert.deepEqual(await sids(), [server.serviceSid])
})

test('what is older than its retention goes, in bites of 500; what is younger stays', async (t) => {
  const { server, clock, startMany } = await serve(t, {
    COUNTERSIGN_VERIFICATION_RETENTION_DAYS: '2',
    COUNTERSIGN_INBOX_RETENTION_HOURS: '1',
  })
  const { system } = server.ctx.storage
  const count = async () => {
    const row = await system.read.get<Record<string, number>>`select
      (select count(*) from verification) as verifications, (select count(*) from attempt) as attempts,
      (select count(*) from handover) as handovers, (select count(*) from inbox_message) as messages,
      (select count(*) from receipt_key) as receipts`
    return Object.values(row ?? {})
  }
  await startMany(1001, 'old')
  await recordReceipt(server.ctx, { providerId: 'x', messageId: 'unknown', state: 'delivered' })
  await clock.advance('47h')
  await startMany(3, 'recent')
  assert.deepEqual(await count(), [1004, 1004, 1004, 1004, 1])

  const deleted: number[] = []
  const counting = {
    ...server.ctx,
    storage: {
      ...server.ctx.storage,
      system: {
        ...system,
        async write<T>(unit: Parameters<typeof system.write<T>>[0]) {
          const result = await system.write(unit)
          if (typeof result === 'number') deleted.push(result)
          return result
        },
      },
    },
  }
  await clock.advance('59m')
  await runBackground(counting)
  assert.deepEqual(await count(), [1004, 1004, 1004, 3, 1])
  await clock.advance('2m')
  await runBackground(counting)
  assert.deepEqual(await count(), [3, 3, 3, 0, 0])
  assert.equal(Math.max(...deleted), 500)
})

test('it runs every minute until it is stopped', async (t) => {
  const { server, clock, startMany } = await serve(t)
  const stop = startBackground(server.ctx)
  await startMany(1, 'first')
  const first = async () => (await readRows(server))[0]?.status
  await clock.advance('9m')
  assert.equal(await first(), 'pending')
  await until(async () => {
    await clock.advance('1m')
    return (await first()) === 'expired'
  })
  await stop()
  await startMany(1, 'second')
  await clock.advance('1h')
  assert.equal((await readRows(server))[1]?.status, 'pending')
})

test('what cannot be written down keeps no event from being sealed', async (t) => {
  const { server, clock } = await serve(t)
  const { ctx } = server
  await server.post('/v2/Services', { FriendlyName: 'Sealed' })
  const { flush } = ctx.logins
  ctx.logins.flush = () => new Promise(() => {})
  const unsealed = () => ctx.storage.system.read.all`select sid from audit_event where n is null`
  assert.notEqual((await unsealed()).length, 0)
  startBackground(ctx)
  await until(async () => {
    await clock.advance('1s')
    return (await unsealed()).length === 0
  })
  ctx.logins.flush = flush
})
