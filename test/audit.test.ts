/** Every operation that changes a resource writes exactly one event; no other does, and no event holds a secret. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { operations } from '../src/app.ts'
import { fakeClock } from './support/clock.ts'
import {
  askUpload,
  HELLO,
  leaveBuildsDue,
  make,
  makeService as makeFunctionService,
  makeVersion,
} from './support/functions.ts'
import { basic, type Form, freshNumber, type Reply, type TestServer, testServer } from './support/server.ts'

/** What an operation is asked with, and the event that it has to write. */
interface Change {
  type: string
  /** Makes what the path names; resolves to its sid. */
  make?: () => Promise<string>
  form?: () => Form | Promise<Form>
  /** Of an answer without a sid. */
  resourceSid?: () => string
}

describe('audit', () => {
  const clock = fakeClock()
  let server: TestServer
  let key: { sid: string; authorization: string }
  before(async () => {
    server = await testServer({ clock })
    const form = { AccountSid: server.accountSid, KeyType: 'main', FriendlyName: 'Auditor' }
    const { body } = await server.post('/v1/Keys', form)
    key = { sid: body.sid, authorization: basic(body.sid, body.secret) }
    // So that further networks lock nobody out.
    await server.post('/v1/IpAccessLists', { FriendlyName: 'Here', Cidr: '127.0.0.0/8' })
  })
  after(() => server.close())

  const own = () => `/2010-04-01/Accounts/${server.accountSid}`
  const made = async (path: string, form: Form = {}): Promise<string> => {
    const { status, body } = await server.post(path, form)
    assert.equal(status, 201, JSON.stringify(body))
    return body.sid
  }
  const makeService = () => made('/v2/Services', { FriendlyName: 'Made' })
  const makeKey = () => made('/v1/Keys', { AccountSid: server.accountSid })
  const makeSecondary = async () => {
    await server.post('/v1/AuthTokens/Secondary')
    return ''
  }
  let networks = 0
  const network = () => ({ FriendlyName: 'Office', Cidr: `192.0.2.${networks++}/32` })
  const makeNetwork = () => made('/v1/IpAccessLists', network())
  const trigger = () => ({
    UsageCategory: 'totalprice',
    TriggerValue: '1000',
    CallbackUrl: 'http://127.0.0.1:9999/fired',
  })
  const makeTrigger = () => made(`${own()}/Usage/Triggers.json`, trigger())
  /** Asks for a code; resolves to what confirms the number. */
  const requestCallerId = async () => {
    const PhoneNumber = freshNumber()
    await server.post(`${own()}/OutgoingCallerIds.json`, { PhoneNumber })
    return { PhoneNumber, Code: await server.lastCode(PhoneNumber) }
  }
  const makeCallerId = async () => made('/v1/CallerIdConfirmations', await requestCallerId())

  const makeNumber = () => made(`${own()}/IncomingPhoneNumbers.json`, { PhoneNumber: freshNumber() })
  const makeMessage = async () => {
    const form = { To: freshNumber(), From: freshNumber(), Body: 'Hello' }
    const sid = await made(`${own()}/Messages.json`, form)
    await server.ctx.messaging.drained()
    return sid
  }

  /** Where functions are, and what is below that. */
  const within = { service: '', environment: '', function: '', asset: '', version: '' }
  const functions = () => `/v1/Services/${within.service}`
  before(async () => {
    leaveBuildsDue(server)
    within.service = (await makeFunctionService(server)).slice(-34)
    within.environment = (await make(server, `${functions()}/Environments`, { UniqueName: 'dev' })).sid
    const version = await makeVersion(server, functions(), 'Functions', { path: '/x', content: HELLO })
    within.function = version.function_sid
    within.version = version.sid
    within.asset = (await make(server, `${functions()}/Assets`, { FriendlyName: '/x' })).sid
  })
  let names = 0
  const makeFunctions = async () => (await makeFunctionService(server)).slice(-34)
  /** Of the operations that a resource below a service of functions has, those that change something. */
  const ofFunctions = (
    name: string,
    resource: string,
    form: () => Form = () => ({}),
  ): Record<string, Change> => {
    const path = `/v1/Services/:Service/${name}`
    const type = `serverless-${resource}`
    const makeOne = () => made(fillFunctions(path), form())
    const changes: Record<string, Change> = {
      [`POST ${path}`]: { type: `${type}.created`, form },
      [`POST ${path}/:Sid`]: { type: `${type}.updated`, make: makeOne, form },
      [`DELETE ${path}/:Sid`]: { type: `${type}.deleted`, make: makeOne },
    }
    const there = new Set(operations.map(({ method, path }) => `${method} ${path}`))
    return Object.fromEntries(Object.entries(changes).filter(([name]) => there.has(name)))
  }
  const fillFunctions = (path: string) =>
    path
      .replace(/:Service(?=\/)/, within.service)
      .replace(':EnvironmentSid', within.environment)
      .replace(/(?<=Functions\/):ResourceSid/, within.function)
      .replace(/(?<=Assets\/):ResourceSid/, within.asset)

  const account = () => server.accountSid
  const CHANGES: Record<string, Change> = {
    'POST /v2/Services': { type: 'verify-service.created', form: () => ({ FriendlyName: 'New' }) },
    'POST /v2/Services/:ServiceSid': {
      type: 'verify-service.updated',
      make: makeService,
      form: () => ({ CodeLength: 7 }),
    },
    'DELETE /v2/Services/:ServiceSid': { type: 'verify-service.deleted', make: makeService },
    'POST /2010-04-01/Accounts': { type: 'account.created' },
    'POST /2010-04-01/Accounts/:Sid': {
      type: 'account.updated',
      make: () => made('/2010-04-01/Accounts.json'),
      form: () => ({ Status: 'suspended' }),
    },
    ...Object.fromEntries(
      [
        `${'/2010-04-01/Accounts/:AccountSid'}/Keys`,
        '/2010-04-01/Accounts/:AccountSid/SigningKeys',
        '/v1/Keys',
      ].flatMap((path): [string, Change][] => [
        [
          `POST ${path}`,
          {
            type: 'api-key.created',
            form: (): Form => (path === '/v1/Keys' ? { AccountSid: server.accountSid } : {}),
          },
        ],
        [
          `POST ${path}/:Sid`,
          { type: 'api-key.updated', make: makeKey, form: () => ({ FriendlyName: 'Renamed' }) },
        ],
        [`DELETE ${path}/:Sid`, { type: 'api-key.deleted', make: makeKey }],
      ]),
    ),
    'POST /v1/AuthTokens/Secondary': { type: 'auth-token.secondary-created', resourceSid: account },
    'DELETE /v1/AuthTokens/Secondary': {
      type: 'auth-token.secondary-deleted',
      make: makeSecondary,
      resourceSid: account,
    },
    'POST /v1/IpAccessLists': { type: 'ip-access-list.created', form: network },
    'POST /v1/IpAccessLists/:Sid': {
      type: 'ip-access-list.updated',
      make: makeNetwork,
      form: () => ({ FriendlyName: 'Moved' }),
    },
    'DELETE /v1/IpAccessLists/:Sid': { type: 'ip-access-list.deleted', make: makeNetwork },
    'POST /v1/CallerIdConfirmations': { type: 'outgoing-caller-id.created', form: requestCallerId },
    'POST /2010-04-01/Accounts/:AccountSid/OutgoingCallerIds/:Sid': {
      type: 'outgoing-caller-id.updated',
      make: makeCallerId,
      form: () => ({ FriendlyName: 'Desk' }),
    },
    'DELETE /2010-04-01/Accounts/:AccountSid/OutgoingCallerIds/:Sid': {
      type: 'outgoing-caller-id.deleted',
      make: makeCallerId,
    },
    'POST /2010-04-01/Accounts/:AccountSid/Usage/Triggers': { type: 'usage-trigger.created', form: trigger },
    'POST /2010-04-01/Accounts/:AccountSid/Usage/Triggers/:Sid': {
      type: 'usage-trigger.updated',
      make: makeTrigger,
      form: () => ({ FriendlyName: 'Renamed' }),
    },
    'DELETE /2010-04-01/Accounts/:AccountSid/Usage/Triggers/:Sid': {
      type: 'usage-trigger.deleted',
      make: makeTrigger,
    },
    'POST /2010-04-01/Accounts/:AccountSid/IncomingPhoneNumbers': {
      type: 'incoming-phone-number.created',
      form: () => ({ PhoneNumber: freshNumber() }),
    },
    'POST /2010-04-01/Accounts/:AccountSid/IncomingPhoneNumbers/:Sid': {
      type: 'incoming-phone-number.updated',
      make: makeNumber,
      form: () => ({ SmsUrl: 'https://example.com/sms' }),
    },
    'DELETE /2010-04-01/Accounts/:AccountSid/IncomingPhoneNumbers/:Sid': {
      type: 'incoming-phone-number.deleted',
      make: makeNumber,
    },
    'POST /2010-04-01/Accounts/:AccountSid/Messages/:Sid': {
      type: 'message.redacted',
      make: makeMessage,
      form: () => ({ Body: '' }),
    },
    'DELETE /2010-04-01/Accounts/:AccountSid/Messages/:Sid': { type: 'message.deleted', make: makeMessage },
    'POST /v1/Services': {
      type: 'serverless-service.created',
      form: () => ({ UniqueName: 'audited', FriendlyName: 'x' }),
    },
    'POST /v1/Services/:Service': {
      type: 'serverless-service.updated',
      make: makeFunctions,
      form: () => ({ FriendlyName: 'Renamed' }),
    },
    'DELETE /v1/Services/:Service': { type: 'serverless-service.deleted', make: makeFunctions },
    ...ofFunctions('Functions', 'function', () => ({ FriendlyName: '/x' })),
    ...ofFunctions('Assets', 'asset', () => ({ FriendlyName: '/x' })),
    ...ofFunctions('Functions/:ResourceSid/Versions', 'function-version'),
    ...ofFunctions('Assets/:ResourceSid/Versions', 'asset-version'),
    ...ofFunctions('Builds', 'build', () => ({ FunctionVersions: within.version })),
    ...ofFunctions('Environments', 'environment', () => ({
      UniqueName: `e${names}`,
      DomainSuffix: `s${names++}`,
    })),
    ...ofFunctions('Environments/:EnvironmentSid/Variables', 'variable', () => ({
      Key: `K${names++}`,
      Value: 'v',
    })),
    ...ofFunctions('Environments/:EnvironmentSid/Deployments', 'deployment'),
    // Last: from then on the account has another token.
    'POST /v1/AuthTokens/Promote': {
      type: 'auth-token.promoted',
      make: makeSecondary,
      resourceSid: account,
    },
  }

  /** Sends, checks, and what asks for them: their own resources tell what became of them. */
  const NO_CHANGES = new Set([
    'POST /v2/Services/:ServiceSid/Verifications',
    'POST /v2/Services/:ServiceSid/Verifications/:SidOrTo',
    'POST /v2/Services/:ServiceSid/VerificationCheck',
    'POST /2010-04-01/Accounts/:AccountSid/OutgoingCallerIds',
    'POST /2010-04-01/Accounts/:AccountSid/Messages',
    'POST /inbox/messages',
  ])

  interface Row {
    sid: string
    event_type: string
    actor_sid: string
    actor_type: string
    resource_sid: string
    data: string
  }
  const readEvents = () =>
    server.ctx.storage.system.read.all<Row>`select * from audit_event order by created_at, sid`

  async function call(method: string, path: string, form: Form = {}): Promise<Reply> {
    if (path.endsWith('/Versions')) {
      const input = { path: '/x', content: HELLO }
      return askUpload(server, path.replace(/\/Versions$/, ''), input, { authorization: key.authorization })
    }
    const url = path.startsWith('/2010-04-01/') ? `${path}.json` : path
    const payload = new URLSearchParams(Object.entries(form).map(([name, value]) => [name, String(value)]))
    const reply = await server.app.inject({
      method: method as 'POST',
      url,
      headers: {
        authorization: key.authorization,
        ...(method === 'POST' && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(method === 'POST' && { payload: payload.toString() }),
    })
    return {
      status: reply.statusCode,
      body: reply.body === '' ? undefined : reply.json(),
      headers: reply.headers,
    }
  }

  test('the table below names each operation that changes something, and no other', () => {
    const changing = operations
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path}`)
      .filter((name) => !NO_CHANGES.has(name))
    assert.deepEqual(Object.keys(CHANGES).sort(), changing.sort())
  })

  for (const [name, change] of Object.entries(CHANGES)) {
    test(`${name}: one event, ${change.type}, of the key that asked`, async () => {
      const sid = (await change.make?.()) ?? ''
      const form = (await change.form?.()) ?? {}
      const [method = '', path = ''] = name.split(' ')
      await clock.advance('1s')
      const before = await readEvents()
      const filled = fillFunctions(path)
        .replace(':AccountSid', server.accountSid)
        .replace(/:(Sid|SidOrTo|ServiceSid|Service)$/, sid)
      const reply = await call(method, filled, form)
      assert.ok(reply.status < 300, JSON.stringify(reply.body))
      const events = (await readEvents()).slice(before.length)
      assert.deepEqual(
        events.map((e) => [e.event_type, e.actor_type, e.actor_sid, e.resource_sid]),
        [[change.type, 'key', key.sid, change.resourceSid?.() ?? reply.body?.sid ?? sid]],
      )
    })
  }

  test('a change of what is not there is refused, and no event', async () => {
    const before = (await readEvents()).length
    const named = Object.keys(CHANGES).filter((name) => /:(Sid|SidOrTo|ServiceSid)$/.test(name))
    assert.ok(named.length > 10)
    for (const name of named) {
      const [method = '', path = ''] = name.split(' ')
      const nobody = path.replace(':AccountSid', server.accountSid).replace(/:\w+$/, `XX${'0'.repeat(32)}`)
      const form = await CHANGES[name]?.form?.()
      assert.equal((await call(method, nobody, form)).status, 404, name)
    }
    assert.equal((await readEvents()).length, before)
  })

  test('a verification, its checks and what is read are no events', async () => {
    const before = (await readEvents()).length
    const to = freshNumber()
    const authorization = key.authorization
    const path = `/v2/Services/${server.serviceSid}`
    await server.post(`${path}/Verifications`, { To: to, Channel: 'sms' }, authorization)
    await server.post(`${path}/VerificationCheck`, { To: to, Code: '000000' }, authorization)
    for (const read of ['/v2/Services', '/v1/Events', '/v1/Alerts', `${own()}.json`, '/v2/Attempts'])
      assert.equal((await server.get(read, authorization)).status, 200)
    assert.equal((await readEvents()).length, before)
  })

  test('no event holds a secret, of all that were made here', async () => {
    const secrets: string[] = [server.authToken]
    const post = async (path: string, form: Form = {}) => (await call('POST', path, form)).body
    secrets.push((await post('/v1/Keys', { AccountSid: server.accountSid })).secret)
    secrets.push((await post('/v1/AuthTokens/Secondary')).secondary_auth_token)
    secrets.push((await post('/v1/AuthTokens/Promote')).auth_token)
    secrets.push((await post('/2010-04-01/Accounts')).auth_token)
    const CallbackUrl = 'http://127.0.0.1:9999/canary-path?token=canary-query'
    await post(`${own()}/Usage/Triggers`, { ...trigger(), CallbackUrl })
    secrets.push('canary-path', 'canary-query')
    await server.app.inject({
      url: '/v2/Services',
      headers: { authorization: basic('canary-user', 'canary-pass') },
    })
    secrets.push('canary-user', 'canary-pass')
    await server.ctx.logins.flush({ all: true })
    const told = JSON.stringify(await readEvents())
    assert.ok(told.includes('login.refused'))
    for (const secret of secrets) {
      assert.ok(secret.length > 8)
      assert.ok(!told.includes(secret), `an event holds ${secret}`)
    }
  })
})
