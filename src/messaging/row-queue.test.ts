import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fakeClock } from '../../test/support/clock.ts'
import { type TestServer, testServer } from '../../test/support/server.ts'
import { RowQueue } from './row-queue.ts'

interface Row {
  accountSid: string
  n: number
}

const clock = fakeClock()
let server: TestServer
before(async () => {
  server = await testServer({ clock })
})
after(() => server.close())

/** A queue whose rows are done when they are told to be. */
function open(due: Row[], fails = false) {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const queue = new RowQueue<Row>(server.ctx, {
    name: 'test',
    maxUnderWay: 3,
    maxOfAccount: 2,
    listDue: async (limit) => due.slice(0, limit),
    async take(row) {
      if (!due.includes(row)) return undefined
      due.splice(due.indexOf(row), 1)
      return row
    },
    async process({ accountSid, n }) {
      begun.push(`${accountSid}${n}`)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (fails) throw new Error('not this time')
    },
    free: async () => undefined,
  })
  const end = async () => {
    ends.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { queue, begun, end }
}

test('an account has no more than its places; what waits has its turn', async () => {
  const { queue, begun, end } = open([])
  for (const n of [1, 2, 3]) queue.add({ accountSid: 'a', n })
  for (const n of [1, 2]) queue.add({ accountSid: 'b', n })
  assert.deepEqual(begun, ['a1', 'a2', 'b1'])
  await end()
  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'a3'])
  await end()
  assert.deepEqual(begun.at(-1), 'b2')
  for (let n = 0; n < 3; n++) await end()
  await queue.drained()
})

test('what is due is taken, as much as there is room for', async () => {
  const due = ['a', 'b', 'c', 'd'].map((accountSid, n) => ({ accountSid, n }))
  const { queue, begun, end } = open(due)
  await queue.start()
  await clock.advance('1s')
  assert.deepEqual([begun, due.length], [['a0', 'b1', 'c2'], 1])
  await end()
  await clock.advance('1s')
  assert.deepEqual([begun.at(-1), due.length], ['d3', 0])
  for (let n = 0; n < 3; n++) await end()
  await queue.close()
})

test('work that fails is told to the log, and holds up nothing', async () => {
  const { queue, begun, end } = open([], true)
  for (const n of [1, 2, 3]) queue.add({ accountSid: 'a', n })
  for (let n = 0; n < 3; n++) await end()
  await queue.drained()
  assert.equal(begun.length, 3)
  assert.equal(server.logged.filter((line) => line.includes('not this time')).length, 3)
})

test('once closed it begins nothing more', async () => {
  const { queue, begun, end } = open([])
  for (const n of [1, 2, 3]) queue.add({ accountSid: 'a', n })
  const closed = queue.close()
  queue.add({ accountSid: 'b', n: 1 })
  for (let n = 0; n < 2; n++) await end()
  await closed
  assert.deepEqual(begun, ['a1', 'a2'])
})
