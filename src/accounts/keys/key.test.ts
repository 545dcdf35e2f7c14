import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import {
  basic,
  type Form,
  freshNumber,
  type Reply,
  type TestServer,
  testServer,
} from '../../../test/support/server.ts'
import { operations } from '../../app.ts'
import { PERMISSIONS } from './permission.ts'
import { READY_POLICIES } from './policy.ts'

const codeOf = ({ status, body }: Reply) => [status, body?.code]

describe('API keys', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
  })
  after(() => server.close())

  const pathOf = (name = 'Keys') => `/2010-04-01/Accounts/${server.accountSid}/${name}`
  async function makeKey(form: Form = {}): Promise<{ sid: string; secret: string; authorization: string }> {
    const { status, body } = await server.post('/v1/Keys', { AccountSid: server.accountSid, ...form })
    assert.equal(status, 201)
    return { ...body, authorization: basic(body.sid, body.secret) }
  }
  const makeRestricted = (...allow: string[]) =>
    makeKey({ KeyType: 'restricted', Policy: JSON.stringify({ allow }) })

  for (const [name, key] of [
    ['Keys', 'keys'],
    ['SigningKeys', 'signing_keys'],
  ] as const) {
    test(`${name}: made, listed, fetched, renamed, deleted`, async () => {
      const made = await server.post(`${pathOf(name)}.json`, { FriendlyName: 'Shop' })
      assert.equal(made.status, 201)
      const { secret, ...shown } = made.body
      assert.match(secret, /^[0-9a-f]{32}$/)
      assert.equal(shown.friendly_name, 'Shop')
      const authorization = basic(shown.sid, secret)
      assert.equal((await server.get('/v2/Services', authorization)).status, 200)
      const instance = `${pathOf(name)}/${shown.sid}.json`
      assert.deepEqual((await server.get(instance)).body, shown)
      assert.deepEqual((await server.get(`${pathOf(name)}.json`)).body[key][0], shown)
      const renamed = await server.post(instance, { FriendlyName: 'Till' })
      assert.equal(renamed.body.friendly_name, 'Till')
      assert.equal((await server.del(instance)).status, 204)
      assert.deepEqual(codeOf(await server.get('/v2/Services', authorization)), [401, 20003])
      assert.deepEqual(codeOf(await server.get(instance)), [404, 20404])
      assert.deepEqual(codeOf(await server.del(instance)), [404, 20404])
    })
  }

  test('IAM shows a policy, and never a secret again', async () => {
    const allow = ['/twilio/verify/services/list']
    const { sid } = await makeRestricted(...allow)
    const { body } = await server.get(`/v1/Keys/${sid}`)
    assert.deepEqual([Object.hasOwn(body, 'secret'), body.policy], [false, { allow }])
    const { keys, meta } = (await server.get(`/v1/Keys?AccountSid=${server.accountSid}&PageSize=1`)).body
    assert.deepEqual([keys[0].sid, keys[0].flags, meta.key], [sid, ['rest_api'], 'keys'])
    const more = { allow: [...allow, '/twilio/verify/services/read'] }
    const changed = await server.post(`/v1/Keys/${sid}`, { Policy: JSON.stringify(more) })
    assert.deepEqual(changed.body.policy, more)
    assert.equal((await server.del(`/v1/Keys/${sid}`)).status, 204)
  })

  test('a secret is stored as a hash only', async () => {
    const { sid, secret } = await makeKey()
    const row = await server.ctx.storage.system.read.get<Record<string, unknown>>`
      select * from api_key where sid = ${sid}`
    assert.ok(row)
    const stored = Object.values(row).map((value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value),
    )
    assert.equal((row.secret_hash as Uint8Array).length, 32)
    for (const form of [secret, Buffer.from(secret, 'hex').toString('latin1')]) {
      assert.ok(!stored.some((text) => text.includes(form)))
    }
    const events = await server.ctx.storage.system.read.all<{ data: string }>`select data from audit_event`
    assert.ok(events.length > 0 && !events.some(({ data }) => data.includes(secret)))
    assert.ok(!server.logged.join('').includes(secret))
  })

  test('a wrong secret, an unknown key and another key’s secret are all the same 401', async () => {
    const [one, other] = [await makeKey(), await makeKey()]
    for (const [sid, secret] of [
      [one.sid, other.secret],
      [one.sid, ''],
      [`SK${'0'.repeat(32)}`, one.secret],
      [server.accountSid, one.secret],
      [one.sid, server.authToken],
    ] as const) {
      const { status, body } = await server.get('/v2/Services', basic(sid, secret))
      assert.deepEqual([status, body.code, body.message], [401, 20003, 'Authenticate'])
    }
  })

  /** A line a resource; what no policy can give is marked. */
  function permissionTable(): string {
    const lines = new Map<string, { actions: string[]; isMain: boolean }>()
    for (const { permission, mainOnly } of operations) {
      const at = permission.lastIndexOf('/')
      const line = lines.get(permission.slice(0, at)) ?? { actions: [], isMain: mainOnly ?? false }
      lines.set(permission.slice(0, at), line)
      line.actions = [...new Set([...line.actions, permission.slice(at + 1)])].sort()
    }
    const rows = [...lines].sort().map(([resource, { actions, isMain }]) => {
      const names = actions.map((action) => `\`${action}\``).join(', ')
      return `| \`${resource}/\` | ${names} | ${isMain ? 'main keys only' : ''} |`
    })
    return ['| permission | action | |', '| --- | --- | --- |', ...rows].join('\n')
  }

  describe('kinds', () => {
    /** Every operation that is for auth tokens and main keys only. */
    const mainOnly = operations.filter((op) => op.mainOnly)
    const call = async ({ method, path }: (typeof operations)[number], authorization: string) => {
      const url = path.replace(/:\w*Sid\b/g, server.accountSid)
      const send = {
        GET: server.get,
        DELETE: server.del,
        POST: (p: string, a: string) => server.post(p, {}, a),
      }
      return send[method](url, authorization)
    }

    test('accounts, keys and tokens are for main keys', async () => {
      const resources = ['/Accounts', '/Keys', '/SigningKeys', '/v1/Keys', '/AuthTokens']
      for (const part of resources) {
        assert.ok(
          mainOnly.some(({ path }) => path.includes(part)),
          part,
        )
      }
      const { authorization } = await makeKey({ KeyType: 'main' })
      assert.equal((await server.get(`${pathOf()}.json`, authorization)).status, 200)
      const { body } = await server.post(`${pathOf()}.json`, { FriendlyName: 'From a key' }, authorization)
      assert.match(body.sid, /^SK/)
    })

    test('a standard key does all but them: 20006', async () => {
      const { authorization } = await makeKey({ KeyType: 'standard' })
      for (const op of mainOnly) {
        assert.deepEqual(codeOf(await call(op, authorization)), [403, 20006], `${op.method} ${op.path}`)
      }
      const made = await server.post('/v2/Services', { FriendlyName: 'Shop' }, authorization)
      assert.equal(made.status, 201)
    })

    test('a restricted key never does them, whatever its policy says: 70051', async () => {
      const { authorization } = await makeRestricted(...new Set(mainOnly.map(({ permission }) => permission)))
      for (const op of mainOnly) {
        assert.deepEqual(codeOf(await call(op, authorization)), [403, 70051], `${op.method} ${op.path}`)
      }
    })

    test('a key that may only start and check does nothing else', async () => {
      const { authorization } = await makeRestricted(...(READY_POLICIES['verify-sender']?.allow ?? []))
      const service = `/v2/Services/${server.serviceSid}`
      const To = freshNumber()
      const started = await server.post(`${service}/Verifications`, { To, Channel: 'sms' }, authorization)
      assert.equal(started.status, 201)
      const Code = await server.lastCode(To)
      const checked = await server.post(`${service}/VerificationCheck`, { To, Code }, authorization)
      assert.equal(checked.body.status, 'approved')
      const allowed = new Set(READY_POLICIES['verify-sender']?.allow)
      const refused = operations.filter(({ permission, mainOnly }) => !mainOnly && !allowed.has(permission))
      assert.ok(refused.length >= 10)
      for (const op of refused) {
        const reply = await call(op, authorization)
        assert.deepEqual(codeOf(reply), [403, 70051], `${op.method} ${op.path}`)
      }
    })

    test('each ready-made policy allows only what there is', () => {
      const permissions = new Set(operations.map(({ permission }) => permission))
      for (const [name, { allow }] of Object.entries(READY_POLICIES)) {
        assert.deepEqual(
          allow.filter((permission) => !permissions.has(permission)),
          [],
          name,
        )
      }
    })

    test('a policy may name the permission of every operation, and the documentation tells of all', () => {
      const byAccount = operations.map(({ permission }) => permission)
      assert.deepEqual([...PERMISSIONS].sort(), [...new Set(byAccount)].sort())
      const page = readFileSync(new URL('../../../docs/accounts.md', import.meta.url), 'utf8')
      assert.ok(page.includes(permissionTable()), `docs/accounts.md lacks this:\n${permissionTable()}`)
    })

    test('a permission that there is not is named', async () => {
      const Policy = '{"allow":["/twilio/verify/services/list","/twilio/verify/service/list"]}'
      const form = { AccountSid: server.accountSid, KeyType: 'restricted', Policy }
      const { message } = (await server.post('/v1/Keys', form)).body
      assert.equal(message, 'Invalid parameter: Policy: there is no permission /twilio/verify/service/list')
    })

    test('a change of the policy counts at the next request', async () => {
      const { sid, authorization } = await makeRestricted('/twilio/verify/services/list')
      const listing = async () => (await server.get('/v2/Services', authorization)).status
      assert.equal(await listing(), 200)
      const Policy = JSON.stringify({ allow: ['/twilio/verify/services/read'] })
      await server.post(`/v1/Keys/${sid}`, { Policy })
      assert.equal(await listing(), 403)
    })
  })

  test('a policy is needed by restricted keys, of the known form, and only theirs', async () => {
    const make = async (form: Form) =>
      codeOf(await server.post('/v1/Keys', { AccountSid: server.accountSid, ...form }))
    const refused = [400, 60200]
    const one = '/twilio/verify/services/list'
    assert.deepEqual(await make({ KeyType: 'restricted' }), refused)
    for (const policy of [
      'no JSON',
      '[]',
      '{"allow":[]}',
      '{"allow":"/twilio/verify/services/list"}',
      '{"allow":["/twilio/verify/*/list"]}',
      '{"allow":["services/list"]}',
      '{"allow":["/twilio/verify/services/destroy"]}',
      '{"allow":["/twilio/verify/service/list"]}',
      '{"allow":["/countersign/inbox/message/list"]}',
      JSON.stringify({ allow: Array(101).fill(one) }),
    ]) {
      assert.deepEqual(await make({ KeyType: 'restricted', Policy: policy }), refused, policy)
    }
    assert.deepEqual(await make({ KeyType: 'standard', Policy: JSON.stringify({ allow: [one] }) }), refused)
    const { sid } = await makeKey()
    const changed = await server.post(`/v1/Keys/${sid}`, { Policy: JSON.stringify({ allow: [one] }) })
    assert.deepEqual(codeOf(changed), refused)
    assert.deepEqual(await make({ KeyType: 'golden' }), refused)
  })

  test('a parent makes, sees and deletes the keys of its subaccounts through IAM', async () => {
    const sub = (await server.post('/2010-04-01/Accounts.json', { FriendlyName: 'Team' })).body
    const { body } = await server.post('/v1/Keys', { AccountSid: sub.sid, FriendlyName: 'Theirs' })
    const { keys } = (await server.get(`/v1/Keys?AccountSid=${sub.sid}`)).body
    assert.deepEqual(
      keys.map(({ sid }: { sid: string }) => sid),
      [body.sid],
    )
    const authorization = basic(body.sid, body.secret)
    assert.deepEqual((await server.get('/v2/Services', authorization)).body.services, [])
    assert.equal((await server.get(`/v1/Keys/${body.sid}`)).body.friendly_name, 'Theirs')
    assert.equal((await server.del(`/v1/Keys/${body.sid}`)).status, 204)
    assert.equal((await server.get('/v2/Services', authorization)).status, 401)
  })

  test('of another account neither keys nor their being there are told', async () => {
    const stranger = (await addAccount(server.ctx)).authorization
    const { sid } = await makeKey()
    const unknown = `SK${'0'.repeat(32)}`
    for (const key of [sid, unknown]) {
      const { body } = await server.get(`/v1/Keys/${key}`, stranger)
      assert.equal(body.message, `The requested resource /Keys/${key} was not found`)
    }
    assert.deepEqual(
      codeOf(await server.post(`/v1/Keys/${sid}`, { FriendlyName: 'Mine' }, stranger)),
      [404, 20404],
    )
    assert.deepEqual(codeOf(await server.del(`/v1/Keys/${sid}`, stranger)), [404, 20404])
    const AccountSid = server.accountSid
    assert.deepEqual(codeOf(await server.post('/v1/Keys', { AccountSid }, stranger)), [404, 20404])
    assert.deepEqual(codeOf(await server.get(`/v1/Keys?AccountSid=${AccountSid}`, stranger)), [404, 20404])
    assert.equal((await server.get(`/v1/Keys/${sid}`)).status, 200)
  })

  test('who did it stands in the audit: the key, not the account', async () => {
    const { sid, authorization } = await makeKey({ KeyType: 'main' })
    const made = (await server.post(`${pathOf()}.json`, { FriendlyName: 'Audited' }, authorization)).body
    const rows = await server.ctx.storage.system.read.all<{ actor_sid: string; event_type: string }>`
      select actor_sid, event_type from audit_event where resource_sid = ${made.sid}`
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [{ actor_sid: sid, event_type: 'api-key.created' }],
    )
  })
})

test('an account has at most 1,000 keys', async (t) => {
  const server = await testServer()
  t.after(() => server.close())
  const make = () => server.post('/v1/Keys', { AccountSid: server.accountSid })
  for (let made = 0; made < 1_000; made += 50)
    await Promise.all(Array.from({ length: 50 }, async () => assert.equal((await make()).status, 201)))
  const { status, body } = await make()
  assert.deepEqual([status, body.code], [400, 20001])
  assert.match(body.message, /at most 1000 API keys/)
  const [key] = (await server.get(`/v1/Keys?AccountSid=${server.accountSid}&PageSize=1`)).body.keys
  await server.del(`/v1/Keys/${key.sid}`)
  assert.equal((await make()).status, 201)
})
