import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { fakeClock } from '../../../test/support/clock.ts'
import { encodeForm, type Form, type TestServer, testServer } from '../../../test/support/server.ts'
import { closeContext, openContext } from '../../context.ts'
import { authenticate } from '../authenticate.ts'

const PATH = '/v1/IpAccessLists'
const HOME = '198.51.100.7'

describe('IP access lists', () => {
  let server: TestServer
  const clock = fakeClock()
  before(async () => {
    server = await testServer({ clock, env: { COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8' } })
  })
  after(() => server.close())

  /** An account, and what it asks from an address: its home, unless another is given. */
  const makeUser = async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    const ask = async (
      method: 'GET' | 'POST' | 'DELETE',
      url: string,
      {
        form,
        from = HOME,
        via,
        as = authorization,
      }: { form?: Form; from?: string; via?: string; as?: string } = {},
    ) => {
      // Lists are in the order of time.
      await clock.advance('1ms')
      const reply = await server.app.inject({
        method,
        url,
        remoteAddress: via ?? from,
        headers: {
          authorization: as,
          host: 'localhost:8080',
          ...(via && { 'x-forwarded-for': from }),
          ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form && { payload: encodeForm(form) }),
      })
      return { status: reply.statusCode, body: reply.body === '' ? undefined : reply.json() }
    }
    const statusFrom = async (from: string) => (await ask('GET', '/v2/Services', { from })).status
    return { sid, authorization, ask, statusFrom }
  }

  test('made, read, listed, changed, deleted', async () => {
    const { sid: accountSid, ask } = await makeUser()
    const form = { FriendlyName: 'Office', Cidr: '198.51.100.0/24' }
    const made = await ask('POST', PATH, { form })
    assert.equal(made.status, 201)
    const { sid, date_created, date_updated, ...rest } = made.body
    assert.match(sid, /^AL[0-9a-f]{32}$/)
    assert.equal(date_created, date_updated)
    assert.deepEqual(rest, {
      account_sid: accountSid,
      friendly_name: 'Office',
      cidr: '198.51.100.0/24',
      url: `http://localhost:8080${PATH}/${sid}`,
    })
    assert.deepEqual((await ask('GET', `${PATH}/${sid}`)).body, made.body)
    const second = await ask('POST', PATH, { form: { Cidr: '2001:DB8::7/32' } })
    assert.deepEqual([second.body.cidr, second.body.friendly_name], ['2001:db8::/32', ''])
    const listed = (await ask('GET', PATH)).body
    assert.deepEqual([listed.ip_access_lists, listed.meta.key], [[second.body, made.body], 'ip_access_lists'])
    const changed = await ask('POST', `${PATH}/${sid}`, { form: { FriendlyName: 'Head office' } })
    assert.deepEqual([changed.body.friendly_name, changed.body.cidr], ['Head office', '198.51.100.0/24'])
    assert.equal((await ask('DELETE', `${PATH}/${second.body.sid}`)).status, 204)
    assert.equal((await ask('GET', `${PATH}/${second.body.sid}`)).status, 404)
    assert.equal((await ask('DELETE', `${PATH}/${second.body.sid}`)).status, 404)
  })

  test('without a list from everywhere, with one from there only, at once', async () => {
    const { ask, statusFrom } = await makeUser()
    assert.deepEqual([await statusFrom(HOME), await statusFrom('192.0.2.1')], [200, 200])
    const { sid } = (await ask('POST', PATH, { form: { Cidr: '198.51.100.0/24' } })).body
    assert.deepEqual([await statusFrom(HOME), await statusFrom('192.0.2.1')], [200, 403])
    assert.equal(await statusFrom('::ffff:198.51.100.9'), 200)
    const refused = await ask('GET', '/v2/Services', { from: '192.0.2.1' })
    assert.deepEqual([refused.body.code, refused.body.message], [20006, 'Access Denied'])
    await ask('POST', PATH, { form: { Cidr: '2001:db8::/32' } })
    assert.deepEqual([await statusFrom('2001:db8::1'), await statusFrom('2001:db9::1')], [200, 403])
    await ask('DELETE', `${PATH}/${sid}?Force=true`)
    assert.deepEqual([await statusFrom(HOME), await statusFrom('2001:db8::1')], [403, 200])
  })

  test('and on another node of the database as well', async (t) => {
    const { authorization, ask } = await makeUser()
    // On SQLite one process owns the file: another door to the same node.
    const isShared = server.ctx.storage.engine === 'postgres'
    const ctx = isShared ? await openContext(server.ctx.config, server.ctx.log, { clock }) : server.ctx
    if (isShared) t.after(() => closeContext(ctx))
    const elsewhere = (address: string) => authenticate(ctx, authorization, address, undefined)
    assert.ok(await elsewhere('192.0.2.1'))
    const { sid } = (await ask('POST', PATH, { form: { Cidr: HOME } })).body
    await assert.rejects(elsewhere('192.0.2.1'), { code: 20006 })
    assert.ok(await elsewhere(HOME))
    await ask('DELETE', `${PATH}/${sid}`)
    assert.ok(await elsewhere('192.0.2.1'))
  })

  test('keys of the account are bound as well, other accounts are not', async () => {
    const user = await makeUser()
    const key = (await user.ask('POST', '/v1/Keys', { form: { AccountSid: user.sid } })).body
    await user.ask('POST', PATH, { form: { Cidr: HOME } })
    const as = `Basic ${Buffer.from(`${key.sid}:${key.secret}`).toString('base64')}`
    assert.equal((await user.ask('GET', '/v2/Services', { as })).status, 200)
    assert.equal((await user.ask('GET', '/v2/Services', { as, from: '192.0.2.1' })).status, 403)
    assert.equal(await (await makeUser()).statusFrom('192.0.2.1'), 200)
  })

  test('a wrong secret from a refused address is a wrong secret', async () => {
    const { sid, ask } = await makeUser()
    await ask('POST', PATH, { form: { Cidr: HOME } })
    const as = `Basic ${Buffer.from(`${sid}:guess`).toString('base64')}`
    assert.equal((await ask('GET', '/v2/Services', { as, from: '192.0.2.1' })).status, 401)
  })

  test('nobody locks himself out by accident', async () => {
    const { ask, statusFrom } = await makeUser()
    const elsewhere = { Cidr: '192.0.2.0/24' }
    const refused = await ask('POST', PATH, { form: elsewhere })
    assert.deepEqual([refused.status, refused.body.code], [400, 20001])
    assert.match(refused.body.message, /your own address, 198\.51\.100\.7/)
    assert.deepEqual((await ask('GET', PATH)).body.ip_access_lists, [])
    const home = (await ask('POST', PATH, { form: { Cidr: HOME } })).body
    const away = (await ask('POST', PATH, { form: elsewhere })).body
    assert.equal((await ask('POST', `${PATH}/${home.sid}`, { form: { Cidr: '192.0.2.5' } })).status, 400)
    const deleted = await ask('DELETE', `${PATH}/${home.sid}`)
    assert.deepEqual(
      [refused, deleted].map(({ body }) => body.message.split(': ')[1]),
      ['repeat with Force=true if that is meant', 'repeat with Force=true in the query if that is meant'],
    )
    assert.equal(deleted.status, 400)
    assert.deepEqual([await statusFrom(HOME), await statusFrom('192.0.2.1')], [200, 200])
    // The last one opens the account again.
    assert.equal((await ask('DELETE', `${PATH}/${away.sid}`)).status, 204)
    assert.equal((await ask('DELETE', `${PATH}/${home.sid}`)).status, 204)
    assert.equal(await statusFrom('203.0.113.1'), 200)
    assert.equal((await ask('POST', PATH, { form: { ...elsewhere, Force: true } })).status, 201)
    assert.equal(await statusFrom(HOME), 403)
  })

  test('whoever means it leaves by a query', async () => {
    const { ask, statusFrom } = await makeUser()
    const home = (await ask('POST', PATH, { form: { Cidr: HOME } })).body
    await ask('POST', PATH, { form: { Cidr: '192.0.2.0/24' } })
    assert.equal((await ask('DELETE', `${PATH}/${home.sid}?Force=true`)).status, 204)
    assert.deepEqual([await statusFrom(HOME), await statusFrom('192.0.2.1')], [403, 200])
  })

  test('what is no network is refused', async () => {
    const { ask } = await makeUser()
    for (const Cidr of ['', '10.0.0.0/33', 'example.com', '10.0.0.0/8 11.0.0.0/8']) {
      const { status, body } = await ask('POST', PATH, { form: { Cidr, Force: true } })
      assert.deepEqual([status, body.message], [400, 'Invalid parameter: Cidr'], Cidr)
    }
    assert.equal((await ask('POST', PATH, { form: {} })).body.message, 'Invalid parameter: Cidr')
  })

  test('lists that are made at once all hold', async () => {
    const { ask, statusFrom } = await makeUser()
    await ask('POST', PATH, { form: { Cidr: HOME } })
    await Promise.all(
      Array.from({ length: 8 }, (_, n) => ask('POST', PATH, { form: { Cidr: `192.0.2.${n}` } })),
    )
    for (let n = 0; n < 8; n++) assert.equal(await statusFrom(`192.0.2.${n}`), 200)
    assert.equal(await statusFrom('192.0.2.8'), 403)
  })

  test('more than a hundred are too many', async () => {
    const { ask } = await makeUser()
    for (let n = 0; n < 100; n++)
      assert.equal((await ask('POST', PATH, { form: { Cidr: '198.51.100.0/24' } })).status, 201)
    assert.equal((await ask('POST', PATH, { form: { Cidr: HOME } })).body.code, 20409)
  })

  test('a forwarded address counts when a trusted proxy sent it, and the last one before the proxies', async () => {
    const { ask } = await makeUser()
    await ask('POST', PATH, { form: { Cidr: HOME } })
    const status = async (from: string, via: string) =>
      (await ask('GET', '/v2/Services', { from, via })).status
    assert.equal(await status(HOME, '10.1.2.3'), 200)
    assert.equal(await status(HOME, '::ffff:10.1.2.3'), 200)
    assert.equal(await status(HOME, 'fd00::1'), 200)
    assert.equal(await status('192.0.2.1', '10.1.2.3'), 403)
    // Anybody can send the header; a proxy that is not trusted is the client.
    assert.equal(await status(HOME, '192.0.2.1'), 403)
    assert.equal(await status(`${HOME}, 192.0.2.1`, '10.1.2.3'), 403)
    assert.equal(await status(`192.0.2.1, ${HOME}, 10.9.9.9`, '10.1.2.3'), 200)
    assert.equal(await status('unknown', '10.1.2.3'), 403)
  })

  test('so does a forwarded scheme', async () => {
    const { authorization } = await makeUser()
    const urlVia = async (remoteAddress: string) => {
      const headers = { authorization, host: 'localhost:8080', 'x-forwarded-proto': 'https' }
      const reply = await server.app.inject({ url: '/v2/Services', headers, remoteAddress })
      return reply.json().meta.url.split(':')[0]
    }
    assert.deepEqual([await urlVia('10.1.2.3'), await urlVia('192.0.2.1')], ['https', 'http'])
  })

  test('a change is an event, with the address that it came from', async () => {
    const { ask } = await makeUser()
    const { sid } = (await ask('POST', PATH, { form: { Cidr: HOME } })).body
    await ask('DELETE', `${PATH}/${sid}`)
    const { events } = (await ask('GET', `/v1/Events?ResourceSid=${sid}`)).body
    assert.deepEqual(
      events.map((event: Record<string, string>) => [event.event_type, event.source_ip_address]),
      [
        ['ip-access-list.deleted', HOME],
        ['ip-access-list.created', HOME],
      ],
    )
  })

  test('a refused address is an event', async () => {
    const { sid, ask } = await makeUser()
    await ask('POST', PATH, { form: { Cidr: HOME } })
    await ask('GET', '/v2/Services', { from: '192.0.2.99' })
    await server.ctx.logins.flush({ all: true })
    const { events } = (await ask('GET', `/v1/Events?SourceIpAddress=192.0.2.99`)).body
    assert.deepEqual(
      events.map((event: Record<string, string>) => [event.event_type, event.actor_sid]),
      [['login.refused', sid]],
    )
  })
})
