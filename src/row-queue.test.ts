import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fakeClock } from '../test/support/clock.ts'
import { type TestServer, testServer } from '../test/support/server.ts'
import { RowQueue } from './row-queue.ts'

interface Row {
  sid: string
  accountSid: string
  dueAtMs: number
}

/** Taken by the node that commits it, as in `a1`: the account's first. */
const row = (sid: string, forMs = 60_000): Row => ({
  sid,
  accountSid: sid.slice(0, 1),
  dueAtMs: clock.now() + forMs,
})

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
    async process({ sid }) {
      begun.push(sid)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (fails) throw new Error('not this time')
    },
  })
  const end = async () => {
    ends.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { queue, begun, end }
}

test('an account has no more than its places; what waits has its turn', async () => {
  const { queue, begun, end } = open([])
  for (const sid of ['a1', 'a2', 'a3', 'b1', 'b2']) queue.add(row(sid))
  assert.deepEqual(begun, ['a1', 'a2', 'b1'])
  await end()
  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'a3'])
  await end()
  assert.deepEqual(begun.at(-1), 'b2')
  for (let n = 0; n < 3; n++) await end()
  await queue.drained()
})

test('what is due is taken when there is room for it, and not before', async () => {
  const due = ['a1', 'a2', 'a3', 'b1', 'c1'].map((sid) => row(sid, 0))
  const { queue, begun, end } = open(due)
  queue.start()
  await clock.advance('1s')
  const left = () => due.map(({ sid }) => sid)
  assert.deepEqual(
    [begun, left()],
    [
      ['a1', 'a2', 'b1'],
      ['a3', 'c1'],
    ],
  )
  // Its first node was faster.
  due.splice(0, 1)
  await end()
  assert.deepEqual([begun.at(-1), left()], ['c1', []])
  for (let n = 0; n < 3; n++) await end()
  await queue.close()
})

test('what is due has its turn while others wait', async () => {
  const { queue, begun, end } = open([row('b1', 0)])
  queue.start()
  for (const sid of ['a1', 'a2', 'a3', 'a4']) queue.add(row(sid))
  await clock.advance('1s')
  assert.deepEqual(begun, ['a1', 'a2', 'b1'])
  for (let n = 0; n < 5; n++) await end()
  await queue.close()
})

test('of an account a hundred wait, and leave room for those of others', async () => {
  const { queue, begun, end } = open([])
  for (let n = 1; n <= 1_200; n++) queue.add(row(`a${n}`))
  for (const sid of ['b1', 'b2']) queue.add(row(sid))
  for (let n = 0; n < 200; n++) await end()
  await queue.drained()
  assert.deepEqual([begun.length, begun.includes('a102'), begun.includes('a103')], [104, true, false])
  assert.deepEqual([begun.includes('b1'), begun.includes('b2')], [true, true])
})

test('what waited for longer than it was taken is begun by nobody but whom the sweeper gives it to', async () => {
  const { queue, begun, end } = open([])
  for (const sid of ['a1', 'a2', 'a3']) queue.add(row(sid, 15_000))
  await clock.advance('15s')
  for (let n = 0; n < 2; n++) await end()
  await queue.drained()
  assert.deepEqual(begun, ['a1', 'a2'])
})

test('work that fails is told to the log, and holds up nothing', async () => {
  const { queue, begun, end } = open([], true)
  for (const sid of ['a1', 'a2', 'a3']) queue.add(row(sid))
  for (let n = 0; n < 3; n++) await end()
  await queue.drained()
  assert.equal(begun.length, 3)
  assert.equal(server.logged.filter((line) => line.includes('not this time')).length, 3)
})

test('once closed it begins nothing more', async () => {
  const { queue, begun, end } = open([row('c1', 0), row('c2', 0), row('c3', 0)])
  queue.start()
  await clock.advance('1s')
  queue.add(row('a1'))
  queue.add(row('a2'))
  const closed = queue.close()
  queue.add(row('b1'))
  for (let n = 0; n < 3; n++) await end()
  await closed
  assert.deepEqual(begun, ['c1', 'c2', 'a1'])
})
