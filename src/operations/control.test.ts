import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../../test/support/server.ts'
import { buildApp } from '../app.ts'
import { ACCEPTED_HEADER, askAs, CONTROL_PATH, prove } from './control.ts'

test('commands are done for who has the secret; for others the path does not exist', async (t) => {
  const server = await testServer()
  t.after(() => server.close())
  const app = buildApp(server.ctx, { controlSecret: 'right' })
  const ask = (name: string, authorization: string | undefined, input: unknown = {}) =>
    app.inject({
      method: 'POST',
      url: CONTROL_PATH + name,
      headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
      payload: typeof input === 'string' ? input : JSON.stringify(input),
    })
  const askRightly = (name: string, input?: unknown) => ask(name, askAs('right', name, 'nonce'), input)
  const told = await askRightly('credentials')
  assert.equal(told.headers['cache-control'], 'no-store')
  assert.equal(told.headers[ACCEPTED_HEADER], prove('right', 'answers', 'credentials', 'nonce'))
  const { accountSid, authToken, serviceSid } = server
  assert.deepEqual(told.json(), { result: { accountSid, authToken, serviceSid } })
  for (const authorization of [
    askAs('wrong', 'credentials', 'nonce'),
    askAs('right', 'token-show', 'nonce'),
    `${askAs('right', 'credentials', 'nonce')} `,
    `Control nonce ${prove('right', 'answers', 'credentials', 'nonce')}`,
    'Control nonce ',
    'Bearer right',
    '',
    undefined,
  ]) {
    const refused = await ask('credentials', authorization, 'not JSON')
    assert.deepEqual([refused.statusCode, refused.json().code], [404, 20404], String(authorization))
    assert.equal(refused.headers[ACCEPTED_HEADER], undefined)
  }
  for (const name of ['nothing', 'toString', '', 'a/b']) {
    assert.equal((await askRightly(name)).statusCode, 404, name)
  }
  assert.equal((await askRightly('credentials', 'not JSON')).statusCode, 400)
  const refusal = await askRightly('token-rotate', { step: 'finish' })
  assert.deepEqual(
    [refusal.statusCode, refusal.json().message],
    [409, 'there is no second token: start a rotation first'],
  )
  const unknown = await askRightly('token-show', { account: `AC${'0'.repeat(32)}` })
  assert.deepEqual([unknown.statusCode, unknown.json().code], [404, 20404])
})

test('an operation is done as the operator, checked and answered as by the API', async (t) => {
  const server = await testServer()
  t.after(() => server.close())
  const app = buildApp(server.ctx, { controlSecret: 'right' })
  const operate = async (method: string, path: string, more: object = {}) => {
    const headers = { authorization: askAs('right', 'operate', 'nonce'), 'content-type': 'application/json' }
    const payload = JSON.stringify({ method, path, ...more })
    const reply = await app.inject({ method: 'POST', url: `${CONTROL_PATH}operate`, headers, payload })
    return { status: reply.statusCode, ...reply.json() }
  }
  const lists = '/v1/IpAccessLists'
  const made = await operate('POST', lists, { form: { Cidr: '192.0.2.7', Ignored: 'x' } })
  const { sid: Sid, account_sid, cidr } = made.result
  assert.deepEqual([made.status, account_sid, cidr], [200, server.accountSid, '192.0.2.7'])
  assert.equal(
    (await operate('POST', lists, { form: { FriendlyName: 'x' } })).message,
    'Invalid parameter: Cidr',
  )
  const { result: listed } = await operate('GET', lists, { form: { PageSize: '1' } })
  assert.deepEqual(listed.ip_access_lists, [made.result])
  assert.deepEqual(await operate('DELETE', `${lists}/:Sid`, { params: { Sid } }), {
    status: 200,
    result: null,
  })
  for (const [method, path] of [
    ['DELETE', lists],
    ['GET', '/v2/Services'],
    ['GET', '/nowhere'],
  ] as const) {
    assert.equal((await operate(method, path)).status, 404, path)
  }
})
