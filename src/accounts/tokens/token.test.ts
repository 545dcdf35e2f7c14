import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { fakeClock } from '../../../test/support/clock.ts'
import { basic, type Reply, type TestServer, testServer } from '../../../test/support/server.ts'
import { Secret } from '../../secret.ts'
import { ensureFirstAccount } from '../accounts/account.ts'

const SECONDARY = '/v1/AuthTokens/Secondary'
const PROMOTE = '/v1/AuthTokens/Promote'
const codeOf = ({ status, body }: Reply) => [status, body?.code]

describe('rotation of auth tokens', () => {
  let server: TestServer
  const clock = fakeClock()
  before(async () => {
    server = await testServer({ clock })
  })
  after(() => server.close())

  /** An account of its own, whose tokens no other test needs. */
  async function begin() {
    const { sid, authorization } = await addAccount(server.ctx)
    const works = async (token: string) => (await server.get('/v2/Services', token)).status === 200
    const create = async (as = authorization) => {
      const { status, body } = await server.post(SECONDARY, {}, as)
      assert.equal(status, 201)
      return { body, authorization: basic(sid, body.secondary_auth_token) }
    }
    return { sid, primary: authorization, works, create }
  }

  test('both work between create and promote, then the new one alone', async () => {
    const { sid, primary, works, create } = await begin()
    const secondary = await create()
    assert.deepEqual(secondary.body, {
      account_sid: sid,
      secondary_auth_token: secondary.body.secondary_auth_token,
      date_created: '2026-11-20T12:00:00Z',
      date_updated: '2026-11-20T12:00:00Z',
      url: `http://localhost:8080${SECONDARY}`,
    })
    assert.match(secondary.body.secondary_auth_token, /^[0-9a-f]{32}$/)
    assert.deepEqual([await works(primary), await works(secondary.authorization)], [true, true])
    await clock.advance('1m')
    const { status, body } = await server.post(PROMOTE, {}, primary)
    assert.deepEqual([status, body.auth_token], [200, secondary.body.secondary_auth_token])
    assert.equal(body.date_updated, '2026-11-20T12:01:00Z')
    assert.deepEqual([await works(primary), await works(secondary.authorization)], [false, true])
    const account = await server.get(`/2010-04-01/Accounts/${sid}.json`, secondary.authorization)
    assert.equal(account.body.auth_token, body.auth_token)
  })

  test('the secondary may promote itself', async () => {
    const { primary, works, create } = await begin()
    const { authorization } = await create()
    assert.equal((await server.post(PROMOTE, {}, authorization)).status, 200)
    assert.deepEqual([await works(primary), await works(authorization)], [false, true])
  })

  test('a deleted secondary stops at once, and the primary goes on', async () => {
    const { primary, works, create } = await begin()
    const { authorization } = await create()
    assert.equal(await works(authorization), true)
    assert.equal((await server.del(SECONDARY, primary)).status, 204)
    assert.deepEqual([await works(authorization), await works(primary)], [false, true])
    assert.deepEqual(codeOf(await server.del(SECONDARY, primary)), [404, 20404])
  })

  test('a second secondary takes the place of the first', async () => {
    const { works, create } = await begin()
    const first = await create()
    const second = await create()
    assert.deepEqual([await works(first.authorization), await works(second.authorization)], [false, true])
  })

  test('without a secondary there is nothing to promote', async () => {
    const { primary, works } = await begin()
    assert.deepEqual(codeOf(await server.post(PROMOTE, {}, primary)), [404, 20404])
    assert.equal(await works(primary), true)
  })

  test('SuppressEmailNotification is accepted', async () => {
    const { primary } = await begin()
    const form = { SuppressEmailNotification: true }
    assert.equal((await server.post(SECONDARY, form, primary)).status, 201)
    assert.equal((await server.post(PROMOTE, form, primary)).status, 200)
    assert.equal((await server.post(SECONDARY, form, primary)).status, 401)
  })

  test('two promotes at once: one promotes, the other finds nothing', async () => {
    const { primary, works, create } = await begin()
    const { authorization } = await create()
    const replies = await Promise.all([
      server.post(PROMOTE, {}, authorization),
      server.post(PROMOTE, {}, authorization),
    ])
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 404])
    assert.deepEqual([await works(primary), await works(authorization)], [false, true])
  })

  test('no token is stored in plain, logged or audited', async () => {
    const { sid, create } = await begin()
    const token: string = (await create()).body.secondary_auth_token
    const { read } = server.ctx.storage.system
    const row = await read.get<Record<string, unknown>>`select * from account where sid = ${sid}`
    const events = await read.all<{ data: string }>`select * from audit_event where account_sid = ${sid}`
    assert.equal(events.length, 1)
    const texts = [row, ...events].flatMap((one) =>
      Object.values(one ?? {}).map((value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value),
      ),
    )
    for (const text of [...texts, ...server.logged]) assert.ok(!text.includes(token))
  })
})

test('a configured token is applied when the setting changes, not at each start', async (t) => {
  const [first, next] = ['1'.repeat(32), '2'.repeat(32)]
  const server = await testServer({
    env: { COUNTERSIGN_ACCOUNT_SID: `AC${'a'.repeat(32)}`, COUNTERSIGN_AUTH_TOKEN: first },
  })
  t.after(() => server.close())
  const works = async (token: string) =>
    (await server.get('/v2/Services', basic(server.accountSid, token))).status === 200
  /** As any node does when it starts. */
  const restart = async (token: string) => {
    await ensureFirstAccount({
      ...server.ctx,
      config: { ...server.ctx.config, authToken: new Secret(token) },
    })
    server.ctx.known.forgetAccount(server.accountSid)
  }
  const { secondary_auth_token: rotated } = (await server.post(SECONDARY)).body
  await server.post(PROMOTE)
  await restart(first)
  assert.deepEqual([await works(first), await works(rotated)], [false, true])
  await restart(next)
  assert.deepEqual([await works(rotated), await works(next)], [false, true])
  const last = '3'.repeat(32)
  await Promise.all([restart(last), restart(last)])
  assert.deepEqual([await works(next), await works(last)], [false, true])
})

test('a node whose setting is still an old token does not bring it back', async (t) => {
  const old = '1'.repeat(32)
  const server = await testServer({
    env: { COUNTERSIGN_ACCOUNT_SID: `AC${'a'.repeat(32)}`, COUNTERSIGN_AUTH_TOKEN: old },
  })
  t.after(() => server.close())
  const works = async (token: string) =>
    (await server.get('/v2/Services', basic(server.accountSid, token))).status === 200
  const restart = async (token: string) => {
    await ensureFirstAccount({
      ...server.ctx,
      config: { ...server.ctx.config, authToken: new Secret(token) },
    })
    server.ctx.known.forgetAccount(server.accountSid)
  }
  const rotate = async (token: string): Promise<string> => {
    const authorization = basic(server.accountSid, token)
    const { secondary_auth_token } = (await server.post(SECONDARY, {}, authorization)).body
    await server.post(PROMOTE, {}, authorization)
    return secondary_auth_token
  }
  const second = await rotate(old)
  await restart(second)
  await restart(old)
  assert.deepEqual([await works(old), await works(second)], [false, true])
  assert.match(
    server.logged.join('\n'),
    /"level":"warn".*COUNTERSIGN_AUTH_TOKEN names a token that was replaced/,
  )
  // Nor after the next rotation, nor what a setting took the place of.
  const third = await rotate(second)
  await restart(third)
  const configured = '4'.repeat(32)
  await restart(configured)
  for (const gone of [old, second, third]) {
    await restart(gone)
    assert.deepEqual([await works(gone), await works(configured)], [false, true])
  }
})
