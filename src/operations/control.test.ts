import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../../test/support/server.ts'
import { buildApp } from '../app.ts'
import { CONTROL_PATH } from './control.ts'

test('the credentials are told to who has the secret; for others the path does not exist', async (t) => {
  const server = await testServer()
  t.after(() => server.close())
  const app = buildApp(server.ctx, { controlSecret: 'right' })
  const ask = (headers: Record<string, string>) => app.inject({ url: CONTROL_PATH, headers })
  const told = await ask({ authorization: 'Bearer right' })
  assert.equal(told.headers['cache-control'], 'no-store')
  const { accountSid, authToken, serviceSid } = server
  assert.deepEqual(told.json(), { accountSid, authToken, serviceSid })
  for (const authorization of ['Bearer wrong', 'Bearer right ', 'Bearer ', '']) {
    const refused = await ask({ authorization })
    assert.deepEqual([refused.statusCode, refused.json().code], [404, 20404], authorization)
  }
  assert.equal((await ask({})).statusCode, 404)
})
