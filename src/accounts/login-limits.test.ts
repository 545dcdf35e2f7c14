import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../test/support/account.ts'
import { type FakeClock, fakeClock } from '../../test/support/clock.ts'
import { basic, type TestServer, testServer } from '../../test/support/server.ts'
import { listLogins } from './audit/store.ts'
import { limitLogins } from './login-limits.ts'

const USER = `AC${'1'.repeat(32)}`
const OTHER = `AC${'2'.repeat(32)}`
const noLogins = async () => []
const addressOf = (n: number) => `192.0.${Math.floor(n / 250)}.${n % 250}`

describe('log-in limits', () => {
  test('ten failures a minute from one address, whosever secrets are guessed', async () => {
    const clock = fakeClock()
    const limits = limitLogins(clock, noLogins)
    for (let n = 0; n < 10; n++) {
      assert.equal(limits.waitSeconds('192.0.2.1', OTHER), 0)
      limits.failed('192.0.2.1', n % 2 === 0 ? USER : OTHER)
    }
    assert.equal(limits.waitSeconds('192.0.2.1', USER), 60)
    assert.equal(limits.waitSeconds('192.0.2.2', USER), 0)
    await clock.advance('59.5s')
    assert.equal(limits.waitSeconds('192.0.2.1', USER), 1)
    await clock.advance('500ms')
    assert.equal(limits.waitSeconds('192.0.2.1', USER), 0)
  })

  test('the addresses of one IPv6 subscriber are one', () => {
    const limits = limitLogins(fakeClock(), noLogins)
    for (let n = 0; n < 10; n++) limits.failed(`2001:db8:1:2::${n}`, USER)
    assert.ok(limits.waitSeconds('2001:db8:1:2:ffff::', USER) > 0)
    assert.equal(limits.waitSeconds('2001:db8:1:3::', USER), 0)
  })

  test('a hundred failures a minute for one user, from wherever', () => {
    const limits = limitLogins(fakeClock(), noLogins)
    for (let n = 0; n < 100; n++) {
      assert.equal(limits.waitSeconds(addressOf(n), USER), 0)
      limits.failed(addressOf(n), USER)
    }
    assert.equal(limits.waitSeconds('198.51.100.1', USER), 60)
    assert.equal(limits.waitSeconds('198.51.100.1', OTHER), 0)
  })

  test('who logged in from an address within a day is not slowed there', async () => {
    const clock = fakeClock()
    const limits = limitLogins(clock, noLogins)
    limits.succeeded('198.51.100.1', USER)
    for (let n = 0; n < 200; n++) limits.failed(addressOf(n), USER)
    for (let n = 0; n < 50; n++) limits.failed('198.51.100.1', OTHER)
    assert.equal(limits.waitSeconds('198.51.100.1', USER), 0)
    // Which opens nothing for the guesses of others' secrets from there.
    assert.ok(limits.waitSeconds('198.51.100.1', OTHER) > 0)
    // Nor do the owner's own slips count.
    for (let n = 0; n < 50; n++) limits.failed('198.51.100.1', USER)
    assert.equal(limits.waitSeconds('198.51.100.1', USER), 0)
    await clock.advance('24h')
    for (let n = 0; n < 10; n++) limits.failed('198.51.100.1', USER)
    assert.ok(limits.waitSeconds('198.51.100.1', USER) > 0)
  })

  test('trust is renewed by use', async () => {
    const clock = fakeClock()
    const limits = limitLogins(clock, noLogins)
    limits.succeeded('198.51.100.1', USER)
    await clock.advance('23h')
    limits.succeeded('198.51.100.1', USER)
    await clock.advance('23h')
    for (let n = 0; n < 10; n++) limits.failed('198.51.100.1', USER)
    assert.equal(limits.waitSeconds('198.51.100.1', USER), 0)
  })

  test('a flood of names and addresses does not free who is limited', () => {
    const limits = limitLogins(fakeClock(), noLogins)
    for (let n = 0; n < 10; n++) limits.failed('192.0.2.1', USER)
    // More than are remembered.
    for (let n = 0; n < 120_000; n++)
      limits.failed(`2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::`, `AC${n}`)
    assert.equal(limits.waitSeconds('192.0.2.1', USER), 60)
  })

  /** The eleventh try of a user from where somebody failed ten times; how the look-up ends is up to the test. */
  function beLimited() {
    const lookUps: PromiseWithResolvers<{ sourceIp: string; atMs: number }[]>[] = []
    const clock = fakeClock()
    const limits = limitLogins(clock, () => {
      const lookUp = Promise.withResolvers<{ sourceIp: string; atMs: number }[]>()
      lookUps.push(lookUp)
      return lookUp.promise
    })
    for (let n = 0; n < 10; n++) limits.failed('192.0.2.1', OTHER)
    const ask = async () => {
      await limits.recall('192.0.2.1', USER)
      return limits.waitSeconds('192.0.2.1', USER)
    }
    return { lookUps, ask, login: { sourceIp: '192.0.2.1', atMs: clock.now() - 1_000 } }
  }

  test('of calls that come at once the owner is looked for once, and none is refused meanwhile', async () => {
    const { lookUps, ask, login } = beLimited()
    const waits = [ask(), ask(), ask()]
    assert.equal(lookUps.length, 1)
    lookUps[0]?.resolve([login])
    assert.deepEqual(await Promise.all(waits), [0, 0, 0])
  })

  test('who is not found is not looked for again within a minute; a look-up that failed does not count', async () => {
    const { lookUps, ask } = beLimited()
    const failing = [ask(), ask()]
    lookUps[0]?.reject(new Error('no database'))
    await Promise.all(failing.map((wait) => assert.rejects(wait, /no database/)))
    const stranger = ask()
    assert.equal(lookUps.length, 2)
    lookUps[1]?.resolve([])
    assert.equal(await stranger, 60)
    assert.equal(await ask(), 60)
    assert.equal(lookUps.length, 2)
  })
})

describe('log-in limits over HTTP', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  after(() => server.close())

  const ask = async (remoteAddress: string, user: string, secret: string) => {
    const headers = { authorization: basic(user, secret), host: 'localhost' }
    const reply = await server.app.inject({ method: 'GET', url: '/v2/Services', headers, remoteAddress })
    return { status: reply.statusCode, code: reply.json().code, retryAfter: reply.headers['retry-after'] }
  }

  test('the eleventh guess is not even compared; the owner, who was there before, is let in', async () => {
    const { accountSid, authToken } = server
    assert.equal((await ask('198.51.100.1', accountSid, authToken)).status, 200)
    for (let n = 0; n < 10; n++) assert.equal((await ask('192.0.2.1', accountSid, `guess ${n}`)).status, 401)
    assert.deepEqual(await ask('192.0.2.1', accountSid, authToken), {
      status: 429,
      code: 20429,
      retryAfter: '60',
    })
    assert.equal((await ask('198.51.100.1', accountSid, authToken)).status, 200)
    await clock.advance('1m')
    assert.equal((await ask('192.0.2.1', accountSid, authToken)).status, 200)
  })

  test('of guesses that come at once ten are compared', async () => {
    const { sid } = await addAccount(server.ctx)
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => ask('192.0.2.2', sid, `guess ${n}`)),
    )
    const count = (status: number) => answers.filter((answer) => answer.status === status).length
    assert.deepEqual([count(401), count(429)], [10, 30])
  })

  test('who logged in on another node, or before a restart, is let in there too', async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    const from = async (remoteAddress: string) =>
      (await server.app.inject({ url: '/v2/Services', headers: { authorization }, remoteAddress })).statusCode
    assert.equal(await from('2001:db8:1:2::1'), 200)
    await server.ctx.logins.flush()
    const kept = server.ctx.loginLimits
    server.ctx.loginLimits = limitLogins(clock, (user, sinceMs) =>
      listLogins(server.ctx.storage.system.read, user, sinceMs),
    )
    for (let n = 0; n < 100; n++) assert.equal((await ask(addressOf(n), sid, 'guess')).status, 401)
    assert.equal((await ask('198.51.100.9', sid, 'guess')).status, 429)
    assert.equal(await from('2001:db8:1:2::ffff'), 200)
    assert.equal(await from('2001:db8:1:3::1'), 429)
    server.ctx.loginLimits = kept
  })

  test('whether there is such an account or key, nothing tells', async () => {
    const key = (await server.post('/v1/Keys', { AccountSid: server.accountSid })).body
    const { sid } = await addAccount(server.ctx)
    const series = async (user: string, address: string) => {
      const answers = []
      for (let n = 0; n < 12; n++) answers.push(await ask(address, user, `guess ${n}`))
      return answers
    }
    const strangers = await series(`AC${'7'.repeat(32)}`, '192.0.2.3')
    assert.deepEqual(await series(sid, '192.0.2.4'), strangers)
    assert.deepEqual(await series(key.sid, '192.0.2.5'), strangers)
    assert.deepEqual(await series(`SK${'7'.repeat(32)}`, '192.0.2.6'), strangers)
    assert.deepEqual(strangers[11], { status: 429, code: 20429, retryAfter: '60' })
  })

  test('a request without credentials is no guess', async () => {
    for (let n = 0; n < 20; n++) {
      const reply = await server.app.inject({ url: '/v2/Services', remoteAddress: '192.0.2.7' })
      assert.equal(reply.statusCode, 401)
    }
    assert.equal((await ask('192.0.2.7', server.accountSid, server.authToken)).status, 200)
  })
})
