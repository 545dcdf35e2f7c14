import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../test/support/carrier.ts'
import { fakeClock } from '../test/support/clock.ts'
import { testServer } from '../test/support/server.ts'
import { complainSparingly } from './complaint.ts'
import { startBackground } from './operations/background.ts'

test('of each kind of error the first is told, then one a minute, with how many were not', async () => {
  const clock = fakeClock()
  const lines: { err: Error; queue?: string; untold?: number }[] = []
  const log = {
    info() {},
    warn() {},
    error: (fields: object) => void lines.push(fields as (typeof lines)[0]),
  }
  const complain = complainSparingly({ clock, log }, 'sweep failed')
  const away = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const told = () => lines.splice(0).map(({ err, untold }) => [err.message, untold])

  complain(away(), { queue: 'send' })
  assert.equal(lines[0]?.queue, 'send')
  for (let second = 1; second < 60; second++) {
    await clock.advance('1s')
    complain(away())
  }
  assert.deepEqual(told(), [['connect ECONNREFUSED', undefined]])
  complain(new TypeError('a bug'))
  assert.deepEqual(told(), [['a bug', undefined]])
  await clock.advance('1s')
  complain(away())
  complain(away())
  assert.deepEqual(told(), [['connect ECONNREFUSED', 59]])
})

test('while its database is away a node logs a few lines a minute, not some a second', async (t) => {
  const clock = fakeClock()
  const server = await testServer({ clock })
  const { ctx } = server
  await ctx.node.start()
  await ctx.messaging.start()
  ctx.webhooks.start()
  const stop = startBackground(ctx)
  t.after(async () => {
    await stop()
    await server.close()
  })
  await ctx.storage.close()
  const errors = () => server.logged.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error')
  const failing = () => new Set(errors().map(({ message, queue }) => `${queue ?? ''} ${message}`))
  // Until each loop has met it: what is awaited takes turns that no clock counts.
  await until(async () => {
    await clock.advance('1s')
    return failing().size === 6
  })
  const first = errors().length
  for (let second = 0; second < 30; second++) await clock.advance('1s')
  // A single loop that told each time would make thirty.
  assert.ok(errors().length - first < 30, `${errors().length - first} lines in half a minute`)
  await until(async () => {
    await clock.advance('1s')
    return errors().some(({ untold }) => untold > 10)
  })
})
