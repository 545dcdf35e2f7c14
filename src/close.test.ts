import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../test/support/server.ts'
import { closeInTurn } from './close.ts'
import { closeContext } from './context.ts'
import type { Log } from './log.ts'

test('group after group is closed, whatever fails', async () => {
  const told: string[] = []
  const log = { error: (_: object, message: string) => void told.push(message) } as unknown as Log
  let release = () => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  }).then(() => told.push('slow'))
  const closing = closeInTurn(log, [
    [
      () => slow,
      () => {
        throw new Error('at once')
      },
      async () => {
        throw new Error('later')
      },
    ],
    [() => told.push('last')],
  ])
  release()
  await closing
  const failed = 'closing failed; the rest is closed all the same'
  assert.deepEqual(told, ['slow', failed, failed, 'last'])
})

test('a carrier that cannot be closed leaves no database open', async (t) => {
  const server = await testServer()
  t.after(() => server.close())
  const { ctx } = server
  const inbox = ctx.providers.get('inbox')
  assert.ok(inbox)
  inbox.close = () => Promise.reject(new Error('stuck'))
  await closeContext(ctx)
  assert.ok(server.logged.some((line) => line.includes('stuck')))
  await assert.rejects(ctx.storage.system.read.get`select 1 as one`)
})
