import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fakeClock } from '../../test/support/clock.ts'
import { testServer } from '../../test/support/server.ts'

async function serve(t: TestContext, options: Parameters<typeof testServer>[0]) {
  const server = await testServer(options)
  t.after(() => server.close())
  const ask = async (url: string) => {
    const reply = await server.app.inject({ url })
    return { status: reply.statusCode, ...reply.json() }
  }
  return { server, ask }
}

test('a server whose parts work is ready, and says so to anybody', async (t) => {
  const { ask } = await serve(t, {})
  assert.deepEqual(await ask('/healthz'), { status: 'ok' })
  const { status, checks } = await ask('/readyz')
  assert.deepEqual(
    [status, checks],
    ['ready', { database: 'ok', 'master key': 'ok', clock: 'ok', 'provider inbox': 'up' }],
  )
})

test('they are there to be read', async (t) => {
  const { server } = await serve(t, {})
  for (const url of ['/healthz', '/readyz']) {
    assert.equal((await server.app.inject({ method: 'HEAD', url })).statusCode, 200)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const reply = await server.app.inject({ method, url })
      assert.deepEqual([reply.statusCode, reply.json().code, reply.headers.allow], [405, 20004, 'GET, HEAD'])
    }
  }
})

test('without its database it is alive but not ready, and says 503', async (t) => {
  const { server, ask } = await serve(t, {})
  await server.ctx.delivery.close()
  await server.ctx.storage.close()
  server.ctx.storage.close = async () => {} // the test server closes it again
  assert.equal((await server.app.inject({ url: '/readyz' })).statusCode, 503)
  assert.deepEqual((await ask('/readyz')).checks, { database: 'does not answer', 'provider inbox': 'up' })
  assert.equal((await server.app.inject({ url: '/healthz' })).statusCode, 200)
})

test("a clock far off the database's takes a node out; on SQLite there is only one clock", async (t) => {
  const { server } = await serve(t, { clock: fakeClock(Date.now() - 60_000) })
  const isShared = server.ctx.storage.engine === 'postgres'
  const reply = await server.app.inject({ url: '/readyz' })
  assert.equal(reply.statusCode, isShared ? 503 : 200)
  assert.match(reply.json().checks.clock, isShared ? /^6\d{4} ms off the database's$/ : /^ok$/)
})

test('a carrier that is down is told, and takes no node out', async (t) => {
  const file = `
providers:
  carrier: { kind: smpp, host: 127.0.0.1, port: 1, system_id: acme, password: x, source: { addr: Acme } }
channels: { sms: [carrier] }
`
  const { server } = await serve(t, { file })
  const reply = await server.app.inject({ url: '/readyz' })
  assert.deepEqual([reply.statusCode, reply.json().checks['provider carrier']], [200, 'down'])
})
