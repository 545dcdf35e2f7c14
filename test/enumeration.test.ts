import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from './support/clock.ts'
import { freshNumber, testServer } from './support/server.ts'

test('a check tells whether a code is right, never what there was: unknown, expired, approved, canceled are one answer', async (t) => {
  const clock = fakeClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  const [unknown, expired, approved, canceled] = Array.from({ length: 4 }, freshNumber) as [
    string,
    string,
    string,
    string,
  ]
  await server.start(expired)
  await clock.advance('10m')
  await server.start(approved)
  await server.check(approved, await server.lastCode(approved))
  const { body } = await server.start(canceled)
  await server.post(`/v2/Services/${server.serviceSid}/Verifications/${body.sid}`, { Status: 'canceled' })

  const answers = []
  for (const to of [unknown, expired, approved, canceled]) {
    const { status, body } = await server.check(to, '000000')
    answers.push(JSON.stringify({ status, body }))
  }
  assert.match(answers[0] ?? '', /"status":404.*20404/)
  assert.deepEqual([...new Set(answers)], [answers[0]])
})
