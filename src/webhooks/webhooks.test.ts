import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { addAccount } from '../../test/support/account.ts'
import { until } from '../../test/support/carrier.ts'
import { type FakeClock, fakeClock, timerlessClock } from '../../test/support/clock.ts'
import { type Receiver, startReceiver } from '../../test/support/receiver.ts'
import { type TestServer, testServer } from '../../test/support/server.ts'
import { loadConfig } from '../config.ts'
import { makeAddressPolicy, mayCallLoopback } from './address.ts'
import { callOut, type Resolve, resolveHost } from './call.ts'
import { parseDestination } from './destination.ts'
import { WebhookQueue } from './queue.ts'
import { signCallback } from './signature.ts'
import { listDue, pruneDeliveries } from './store.ts'

const strict = makeAddressPolicy([], false)

describe('an address that a customer gives', () => {
  for (const url of [
    'http://127.0.0.1:8080/',
    'http://127.1:8080/',
    'http://2130706433:8080/',
    'http://0x7f000001:8080/',
    'http://0177.0.0.1:8080/',
    'http://１２７.0.0.1:8080/',
    'http://127.0.0.1.:8080/',
    'http://0.0.0.0/',
    'http://10.0.0.1/',
    'http://100.64.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://172.16.0.1/',
    'http://192.168.0.1/',
    'http://192.0.2.1/',
    'http://198.18.0.1/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:8.8.8.8]/',
    'http://[::127.0.0.1]/',
    'http://[64:ff9b::127.0.0.1]/',
    'http://[64:ff9b:1::1]/',
    'http://[2002:7f00:1::]/',
    'http://[2001:0:7f00:1::]/',
    'http://[2001:db8::1]/',
    'http://[fc00::1]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[ff02::1]/',
    'http://user:secret@example.com/',
    'http://user@example.com/',
    'http://example.com:22/',
    'https://example.com:25/',
    'http://example.com:1023/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'javascript:alert(1)',
    'data:text/plain,hello',
    'example.com/hook',
    '//example.com/hook',
    'http://',
    '',
  ]) {
    test(`${url || 'of nothing'} is refused`, () => assert.equal(parseDestination(url, strict), undefined))
  }

  for (const url of [
    'https://example.com/',
    'http://example.com/hook?a=b',
    'https://example.com:8443/',
    'http://example.com:1024/',
    'http://8.8.8.8/',
    'http://172.32.0.1/',
    'http://[2606:4700::1111]/',
  ]) {
    test(`${url} is taken`, () => assert.equal(parseDestination(url, strict)?.href, url))
  }

  test('a fragment is dropped: it goes nowhere', () =>
    assert.equal(parseDestination('https://example.com/a#b', strict)?.href, 'https://example.com/a'))

  test('the operator may allow private networks, and those only', () => {
    const lab = makeAddressPolicy(['10.1.0.0/16', 'fd00:1::/32', '192.168.7.7'], false)
    const allowed = (address: string) => lab.allows(address)
    assert.deepEqual(['10.1.2.3', 'fd00:1::9', '192.168.7.7', '8.8.8.8'].filter(allowed).length, 4)
    assert.deepEqual(['10.2.0.1', 'fd00:2::1', '192.168.7.8', '127.0.0.1', '::1'].filter(allowed), [])
  })

  test('a server that listens on loopback may call loopback, and no other private address', () => {
    const own = makeAddressPolicy([], true)
    assert.deepEqual(
      ['127.0.0.1', '127.8.8.8', '::1', '10.0.0.1', 'fe80::1'].map((address) => own.allows(address)),
      [true, true, true, false, false],
    )
  })

  test('what is no address is not allowed', () => assert.equal(strict.allows('localhost'), false))
})

describe('a server may call loopback', () => {
  const allows = async (env: NodeJS.ProcessEnv) =>
    mayCallLoopback(
      await loadConfig(env, '/', () => Promise.reject(Object.assign(new Error(), { code: 'ENOENT' }))),
    )
  test('where it listens there only', async () => {
    assert.equal(await allows({}), true)
    assert.equal(await allows({ PUBLIC_URL: 'http://localhost:8080' }), true)
    assert.equal(await allows({ PUBLIC_URL: 'http://[::1]:8080' }), true)
  })
  for (const [name, value] of [
    ['COUNTERSIGN_TLS_TERMINATED_BY_PROXY', 'true'],
    ['COUNTERSIGN_TRUSTED_PROXIES', '127.0.0.1'],
    ['COUNTERSIGN_SIGN_UP', 'true'],
    ['PUBLIC_URL', 'https://verify.example.com'],
  ] as const) {
    test(`and not where ${name} says that it serves others`, async () =>
      assert.equal(await allows({ [name]: value }), false))
  }
})

describe('a call outward', () => {
  let receiver: Receiver
  const clock = timerlessClock()
  before(async () => {
    receiver = await startReceiver()
  })
  afterEach(() => {
    receiver.received.length = 0
    receiver.answer = { status: 200 }
  })
  after(() => receiver.close())

  const names = (...answers: string[][]): Resolve => {
    let asked = 0
    return async () =>
      (answers[Math.min(asked++, answers.length - 1)] ?? []).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }))
  }
  const call = (resolve: Resolve, mayCallLoopback = true, host = 'customer.example') =>
    callOut(
      { method: 'POST', url: new URL(`http://${host}:${receiver.port}/hook`), headers: {}, body: 'a=b' },
      { policy: makeAddressPolicy([], mayCallLoopback), clock, resolve },
    )
  const refused = { outcome: 'failed', reason: 'refused', cause: 'EADDRREFUSED' }

  test('goes to the address that was looked up', async () => {
    assert.deepEqual(await call(names(['127.0.0.1'])), { outcome: 'answered', status: 200 })
    const [{ url, body, headers } = assert.fail()] = receiver.received
    assert.deepEqual([url, body, headers.host], ['/hook', 'a=b', `customer.example:${receiver.port}`])
  })

  for (const [what, resolve] of [
    ['leads to a private address', names(['127.0.0.1'])],
    ['leads to a public and a private address', names(['8.8.8.8', '127.0.0.1'])],
    ['leads to a mapped address', names(['::ffff:127.0.0.1'])],
    ['leads nowhere', names([])],
  ] as const) {
    test(`is refused where the name ${what}`, async () => {
      assert.deepEqual(await call(resolve, false), refused)
      assert.deepEqual(receiver.received, [])
    })
  }

  test('is refused where the machine itself knows the name as loopback', async () => {
    assert.deepEqual(await call(resolveHost, false, 'localhost'), refused)
    assert.deepEqual(receiver.received, [])
  })

  test('looks the name up again for each connection: a name that turns private gains nothing', async () => {
    const resolve = names(['127.0.0.1'], ['10.0.0.1'])
    assert.equal((await call(resolve)).outcome, 'answered')
    assert.deepEqual(await call(resolve), refused)
    assert.equal(receiver.received.length, 1)
  })

  test('follows no redirect', async () => {
    receiver.answer = { status: 302, headers: { location: `${receiver.url}/elsewhere` } }
    assert.deepEqual(await call(names(['127.0.0.1'])), { outcome: 'answered', status: 302 })
    assert.equal(receiver.received.length, 1)
  })

  test('reads 64 KB of an answer and no more', async () => {
    receiver.answer = { status: 200, body: 'x'.repeat(64 * 1024) }
    assert.deepEqual(await call(names(['127.0.0.1'])), { outcome: 'answered', status: 200 })
    receiver.answer = { status: 200, body: 'x'.repeat(10_000_000) }
    const called = await call(names(['127.0.0.1']))
    assert.deepEqual(called, { outcome: 'failed', reason: 'not reached', cause: 'answer too large' })
  })

  test('ends after five seconds without an answer', async () => {
    const own = fakeClock()
    receiver.answer = null
    const called = callOut(
      { method: 'GET', url: new URL(receiver.url), headers: {} },
      { policy: makeAddressPolicy([], true), clock: own, resolve: resolveHost },
    )
    await own.advance('4999ms')
    await own.advance('1ms')
    assert.deepEqual(await called, { outcome: 'failed', reason: 'timeout', cause: '5000 ms' })
  })

  test('that gets no answer fails alike for the customer, whatever the cause; the operator is told that', async () => {
    const gone = await startReceiver()
    await gone.close()
    const called = await callOut(
      { method: 'GET', url: new URL(gone.url), headers: {} },
      { policy: makeAddressPolicy([], true), clock, resolve: resolveHost },
    )
    assert.deepEqual(called, { outcome: 'failed', reason: 'not reached', cause: 'ECONNREFUSED' })
    const unknown = await call(() => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })))
    assert.deepEqual(unknown, { outcome: 'failed', reason: 'not reached', cause: 'ENOTFOUND' })
  })

  test('a name server that does not answer holds none of the threads that files and hashes need', async () => {
    const threads = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'GetAddrInfoReqWrap').length
    const asked = resolveHost('name.invalid').catch(() => [])
    assert.equal(threads(), 0)
    await asked
  })
})

describe('the signature', () => {
  const token = '0123456789abcdef0123456789abcdef'
  for (const [url, form] of [
    ['https://example.com/hook', { B: '2', a: '1', A: 'Ü é+&=', Empty: '' }],
    ['https://example.com:8443/hook?x=1&y=%20', { To: '+14155552671' }],
    ['https://example.com/hook?x=1', {}],
  ] as const) {
    test(`of ${url} is what the official library expects`, () => {
      const signature = signCallback(token, new URL(url), form)
      assert.ok(twilio.validateRequest(token, signature, url, form))
      assert.equal(twilio.validateRequest(`${token.slice(1)}0`, signature, url, form), false)
      assert.equal(twilio.validateRequest(token, signature, url, { ...form, More: '1' }), false)
    })
  }
})

describe('the queue of callbacks', () => {
  let server: TestServer
  let receiver: Receiver
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
    server.ctx.webhooks.start()
    receiver = await startReceiver()
  })
  afterEach(() => {
    receiver.received.length = 0
    receiver.answer = { status: 200 }
  })
  after(async () => {
    await server.close()
    await receiver.close()
  })

  const queue = (
    method: 'GET' | 'POST',
    url: string,
    form: Record<string, string> = { Says: 'hello world' },
  ) =>
    server.ctx.storage.system.write((tx) =>
      server.ctx.webhooks.add(tx, { accountSid: server.accountSid, url, method, form }),
    )
  /** In steps: what one second began has ended before the next, as the database and the receiver are real. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      await clock.advance('1s')
      await server.ctx.webhooks.drained()
    }
  }
  /** Of the last one. */
  const state = () =>
    server.ctx.storage.system.read.get<{ status: string; detail: string | null; tries: number }>`
      select status, detail, tries from webhook_delivery order by sid desc limit 1`
  const signatureOf = (n: number) => String(receiver.received[n]?.headers['x-twilio-signature'])

  test('a POST arrives once, as a form, signed by the auth token', async () => {
    await queue('POST', `${receiver.url}/hook?tenant=7`)
    await pass(1)
    const [{ method, url, headers, body } = assert.fail()] = receiver.received
    assert.deepEqual([method, url, body], ['POST', '/hook?tenant=7', 'Says=hello+world'])
    assert.match(String(headers['content-type']), /^application\/x-www-form-urlencoded/)
    const form = Object.fromEntries(new URLSearchParams(body))
    assert.ok(twilio.validateRequest(server.authToken, signatureOf(0), receiver.url + url, form))
    await pass(60)
    assert.equal(receiver.received.length, 1)
    assert.deepEqual({ ...(await state()) }, { status: 'delivered', detail: null, tries: 1 })
  })

  test('a GET has its parameters in the address', async () => {
    await queue('GET', `${receiver.url}/hook?tenant=7`)
    await pass(1)
    const [{ method, url, body } = assert.fail()] = receiver.received
    assert.deepEqual([method, url, body], ['GET', '/hook?tenant=7&Says=hello+world', ''])
    assert.ok(twilio.validateRequest(server.authToken, signatureOf(0), receiver.url + url, {}))
  })

  test('is tried again, more and more rarely, until the receiver takes it', async () => {
    receiver.answer = { status: 500 }
    await queue('POST', receiver.url)
    await pass(1)
    assert.deepEqual({ ...(await state()) }, { status: 'queued', detail: 'HTTP 500', tries: 1 })
    await pass(1)
    assert.equal(receiver.received.length, 1)
    await pass(180)
    const tried = receiver.received.length
    assert.ok(tried >= 4 && tried <= 7, `${tried} tries`)
    receiver.answer = { status: 204 }
    for (let minute = 0; minute < 10 && receiver.received.length === tried; minute++) await pass(60)
    assert.equal((await state())?.status, 'delivered')
    assert.equal(receiver.received.length, tried + 1)
    await server.ctx.alerts.flush()
    const { body } = await server.get('/v1/Alerts')
    assert.deepEqual(
      body.alerts.map((alert: { error_code: string }) => alert.error_code),
      ['11200'],
    )
  })

  test('an alert tells where to, but not what of the address may be a secret', async () => {
    receiver.answer = { status: 500 }
    await queue('POST', `${receiver.url}/hook?tenant=7`)
    await pass(1)
    await server.ctx.alerts.flush()
    const { sid } = (await server.get('/v1/Alerts')).body.alerts[0]
    assert.equal((await server.get(`/v1/Alerts/${sid}`)).body.request_url, receiver.url)
    receiver.answer = { status: 200 }
    await pass(60)
  })

  test('one account has five under way, and holds up no other', async () => {
    receiver.answer = null
    for (let n = 0; n < 120; n++) await queue('POST', `${receiver.url}/slow`)
    const other = await addAccount(server.ctx)
    await server.ctx.storage.system.write((tx) =>
      server.ctx.webhooks.add(tx, {
        accountSid: other.sid,
        url: `${receiver.url}/other`,
        method: 'POST',
        form: {},
      }),
    )
    await clock.advance('1s')
    // The database and the receiver are real: the clock stands, or it would end the calls before they are there.
    await until(() => receiver.received.length >= 6)
    const urls = receiver.received.slice(0, 6).map(({ url }) => url)
    assert.deepEqual(urls.sort(), ['/other', '/slow', '/slow', '/slow', '/slow', '/slow'])
    await server.ctx.storage.system.write((tx) => tx.run`delete from webhook_delivery where tries = 0`)
    await clock.advance('6s')
    await server.ctx.webhooks.drained()
  })

  test('a suspended account, or one whose parent is, has nothing called', async () => {
    const suspended = await addAccount(server.ctx, 'suspended')
    const below = await addAccount(server.ctx, 'active', 'Full', suspended.sid)
    for (const { sid: accountSid } of [suspended, below]) {
      await server.ctx.storage.system.write((tx) =>
        server.ctx.webhooks.add(tx, { accountSid, url: receiver.url, method: 'POST', form: {} }),
      )
      await pass(2)
      assert.deepEqual({ ...(await state()) }, { status: 'failed', detail: 'account not active', tries: 1 })
    }
    assert.deepEqual(receiver.received, [])
  })

  test('is given up when its day is over', async () => {
    await queue('POST', 'http://10.0.0.1/hook')
    await pass(1)
    assert.equal((await state())?.status, 'queued')
    await server.ctx.storage.system.write(
      (tx) =>
        tx.run`update webhook_delivery set expires_at = ${clock.now() + 60_000} where status = 'queued'`,
    )
    await pass(180)
    const { status, detail, tries } = (await state()) ?? assert.fail()
    assert.deepEqual([status, detail], ['failed', 'refused'])
    assert.ok(tries >= 3, `${tries} tries`)
  })

  test('a promoted token signs from then on, what was queued before as well', async () => {
    receiver.answer = { status: 500 }
    await queue('POST', receiver.url, { A: '1' })
    await pass(1)
    const { secondary_auth_token: token } = (await server.post('/v1/AuthTokens/Secondary')).body
    await server.post('/v1/AuthTokens/Promote')
    receiver.answer = { status: 200 }
    await pass(60)
    assert.ok(twilio.validateRequest(server.authToken, signatureOf(0), `${receiver.url}/`, { A: '1' }))
    assert.ok(twilio.validateRequest(token, signatureOf(1), `${receiver.url}/`, { A: '1' }))
    assert.equal(
      twilio.validateRequest(server.authToken, signatureOf(1), `${receiver.url}/`, { A: '1' }),
      false,
    )
  })

  test('one that cannot be signed is a try like any other, and ends after a day', async () => {
    const { sid: accountSid } = await addAccount(server.ctx)
    const { storage, webhooks } = server.ctx
    await storage.system.write(
      (tx) => tx.run`update account set auth_token = ${Buffer.from('not sealed')}
      where sid = ${accountSid}`,
    )
    await storage.system.write((tx) =>
      webhooks.add(tx, { accountSid, url: receiver.url, method: 'POST', form: {} }),
    )
    await pass(60)
    const early = await state()
    assert.deepEqual([early?.status, early?.detail], ['queued', 'not called'])
    assert.ok(early && early.tries >= 2 && early.tries <= 6, `${early?.tries} tries`)
    await storage.system.write(
      (tx) => tx.run`update webhook_delivery set expires_at = ${clock.now()}, due_at = ${clock.now()}
      where account_sid = ${accountSid}`,
    )
    await pass(1)
    assert.equal((await state())?.status, 'failed')
    assert.equal(receiver.received.length, 0)
  })

  test('of two nodes one calls', async () => {
    const other = new WebhookQueue(server.ctx, true)
    other.start()
    for (let n = 0; n < 20; n++) await queue('POST', `${receiver.url}/${n}`)
    await clock.advance('1s')
    await Promise.all([server.ctx.webhooks.drained(), other.drained()])
    await pass(60)
    await other.close()
    assert.deepEqual(
      receiver.received.map(({ url }) => Number(url.slice(1))).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n),
    )
  })

  test('no address, no form and no token is logged', () => {
    const logged = server.logged.join('\n')
    assert.match(logged, /"message":"callback"/)
    for (const secret of [server.authToken, 'tenant=7', 'hello'])
      assert.doesNotMatch(logged, new RegExp(secret))
  })

  test('old ones are pruned', async () => {
    const { system } = server.ctx.storage
    await pruneDeliveries(system, clock.now() + 1)
    assert.deepEqual(await listDue(system, Number.MAX_SAFE_INTEGER, 10), [])
    assert.equal(await state(), undefined)
  })
})
