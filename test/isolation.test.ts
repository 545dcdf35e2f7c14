/** P14: with another account's credentials nothing of an account is there, and nothing of it changes. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeAccount, openAuthToken } from '../src/accounts/accounts/account.ts'
import { insertAccount } from '../src/accounts/accounts/store.ts'
import { LISTS } from '../src/accounts/usage/record.ts'
import { operations } from '../src/app.ts'
import type { Operation } from '../src/http/operation.ts'
import { timerlessClock } from './support/clock.ts'
import { buildEstate, type Estate } from './support/estate.ts'
import { basic, encodeForm, type Form, type TestServer, testServer } from './support/server.ts'

/** How an operation is tried: what stands in its path, and the form or query it is given. */
interface Attempt {
  path?: Record<string, string>
  form?: Form
}

const nameOf = ({ method, path }: Operation) => `${method} ${path}`
const IN_ENVIRONMENT = { EnvironmentSid: 'environment' } as const

/** Each operation with the owner's own sids, as the owner would call it. An operation without an entry fails. */
const ATTEMPTS: Record<string, (of: Estate) => Attempt> = {
  'POST /v2/Services': () => ({ form: { FriendlyName: 'Mine' } }),
  'GET /v2/Services': (of) => ({ form: { PageToken: `PB${of.serviceSid}` } }),
  'GET /v2/Services/:ServiceSid': (of) => ({ path: service(of) }),
  'POST /v2/Services/:ServiceSid': (of) => ({ path: service(of), form: { FriendlyName: 'Taken' } }),
  'DELETE /v2/Services/:ServiceSid': (of) => ({ path: service(of) }),
  'POST /v2/Services/:ServiceSid/Verifications': (of) => ({
    path: service(of),
    form: { To: of.to, Channel: 'sms' },
  }),
  'GET /v2/Services/:ServiceSid/Verifications/:SidOrTo': (of) => ({
    path: { ...service(of), SidOrTo: of.verificationSid },
  }),
  'POST /v2/Services/:ServiceSid/Verifications/:SidOrTo': (of) => ({
    path: { ...service(of), SidOrTo: of.verificationSid },
    form: { Status: 'canceled' },
  }),
  'POST /v2/Services/:ServiceSid/VerificationCheck': (of) => ({
    path: service(of),
    form: { VerificationSid: of.verificationSid, Code: of.code },
  }),
  'GET /v2/Attempts': (of) => ({
    form: { VerifyServiceSid: of.serviceSid, VerificationSid: of.verificationSid, 'ChannelData.To': of.to },
  }),
  'GET /v2/Attempts/Summary': (of) => ({ form: { VerifyServiceSid: of.serviceSid } }),
  'GET /v2/Attempts/:Sid': (of) => ({ path: { Sid: of.attemptSid } }),
  'GET /delivery/attempts/:Sid': (of) => ({ path: { Sid: of.attemptSid } }),
  'GET /inbox/messages': (of) => ({ form: { To: of.to } }),
  'POST /2010-04-01/Accounts': () => ({ form: { FriendlyName: 'Mine' } }),
  'GET /2010-04-01/Accounts': (of) => ({ form: { PageToken: `PB${of.accountSid}` } }),
  'GET /2010-04-01/Accounts/:Sid': (of) => ({ path: { Sid: of.accountSid } }),
  'POST /2010-04-01/Accounts/:Sid': (of) => ({
    path: { Sid: of.accountSid },
    form: { FriendlyName: 'Taken' },
  }),
  ...ofAccount('Keys', (of) => of.keySid, { FriendlyName: 'Mine' }),
  ...ofAccount('SigningKeys', (of) => of.keySid, { FriendlyName: 'Mine' }),
  'POST /v1/Keys': (of) => ({ form: { AccountSid: of.accountSid } }),
  'GET /v1/Keys': (of) => ({ form: { AccountSid: of.accountSid } }),
  'GET /v1/Keys/:Sid': (of) => ({ path: { Sid: of.keySid } }),
  'POST /v1/Keys/:Sid': (of) => ({ path: { Sid: of.keySid }, form: { FriendlyName: 'Taken' } }),
  'DELETE /v1/Keys/:Sid': (of) => ({ path: { Sid: of.keySid } }),
  'POST /v1/AuthTokens/Secondary': () => ({}),
  'DELETE /v1/AuthTokens/Secondary': () => ({}),
  'POST /v1/AuthTokens/Promote': () => ({}),
  'POST /v1/IpAccessLists': () => ({ form: { FriendlyName: 'Mine', Cidr: '127.0.0.0/8' } }),
  'GET /v1/IpAccessLists': (of) => ({ form: { PageToken: `PB${of.ipListSid}` } }),
  'GET /v1/IpAccessLists/:Sid': (of) => ({ path: { Sid: of.ipListSid } }),
  'POST /v1/IpAccessLists/:Sid': (of) => ({ path: { Sid: of.ipListSid }, form: { FriendlyName: 'Taken' } }),
  'DELETE /v1/IpAccessLists/:Sid': (of) => ({ path: { Sid: of.ipListSid } }),
  'GET /v1/Events': (of) => ({ form: { ActorSid: of.accountSid } }),
  'GET /v1/Events/:Sid': (of) => ({ path: { Sid: of.eventSid } }),
  'GET /v1/Alerts': (of) => ({ form: { PageToken: `PB${of.alertSid}` } }),
  'GET /v1/Alerts/:Sid': (of) => ({ path: { Sid: of.alertSid } }),
  ...ofAccount('OutgoingCallerIds', (of) => of.callerIdSid, { PhoneNumber: '+14155559999' }),
  ...ofAccount('IncomingPhoneNumbers', (of) => of.numberSid, { PhoneNumber: '+14155559998' }),
  ...ofAccount(
    'Messages',
    (of) => of.messageSid,
    { To: '+14155559997', From: '+14155559998', Body: 'Mine' },
    { Body: '' },
  ),
  'POST /inbox/messages': (of) => ({ form: { From: of.to, To: of.number, Body: 'Mine' } }),
  'POST /v1/CallerIdConfirmations': (of) => ({ form: { PhoneNumber: of.to, Code: of.code } }),
  ...ofAccount('Usage/Triggers', (of) => of.triggerSid, {
    CallbackUrl: 'https://example.com/',
    TriggerValue: '1',
    UsageCategory: 'totalprice',
  }),
  'POST /v1/Services': () => ({ form: { UniqueName: 'another', FriendlyName: 'Mine' } }),
  'GET /v1/Services': (of) => ({ form: { PageToken: `PB${of.functions.service}` } }),
  'GET /v1/Services/:Service': (of) => ({ path: functions(of) }),
  'POST /v1/Services/:Service': (of) => ({ path: functions(of), form: { FriendlyName: 'Taken' } }),
  'DELETE /v1/Services/:Service': (of) => ({ path: functions(of) }),
  ...ofFunctions('Functions', {}, (of) => of.functions.function, { FriendlyName: 'Mine' }),
  ...ofFunctions('Assets', {}, (of) => of.functions.asset, { FriendlyName: 'Mine' }),
  ...ofFunctions(
    'Functions/:ResourceSid/Versions',
    { ResourceSid: 'function' },
    (of) => of.functions.functionVersion,
    {
      Path: '/mine',
      Visibility: 'public',
    },
  ),
  ...ofFunctions(
    'Assets/:ResourceSid/Versions',
    { ResourceSid: 'asset' },
    (of) => of.functions.assetVersion,
    {
      Path: '/mine',
      Visibility: 'public',
    },
  ),
  'GET /v1/Services/:Service/Functions/:ResourceSid/Versions/:Sid/Content': (of) => ({
    path: { ...functions(of), ResourceSid: of.functions.function, Sid: of.functions.functionVersion },
  }),
  ...ofFunctions('Builds', {}, (of) => of.functions.build, {}),
  'GET /v1/Services/:Service/Builds/:Sid/Status': (of) => ({
    path: { ...functions(of), Sid: of.functions.build },
  }),
  ...ofFunctions('Environments', {}, (of) => of.functions.environment, { UniqueName: 'mine' }),
  ...ofFunctions('Environments/:EnvironmentSid/Variables', IN_ENVIRONMENT, (of) => of.functions.variable, {
    Key: 'MINE',
    Value: 'x',
  }),
  ...ofFunctions(
    'Environments/:EnvironmentSid/Deployments',
    IN_ENVIRONMENT,
    (of) => of.functions.deployment,
    {},
  ),
  ...ofFunctions('Environments/:EnvironmentSid/Logs', IN_ENVIRONMENT, (of) => of.functions.log, {}),
  ...Object.fromEntries(
    LISTS.map((list) => [
      `GET /2010-04-01/Accounts/:AccountSid/Usage/Records${list && `/${list}`}`,
      (of: Estate) => ({ path: { AccountSid: of.accountSid }, form: { IncludeSubaccounts: true } }),
    ]),
  ),
}

function service({ serviceSid }: Estate) {
  return { ServiceSid: serviceSid }
}

function functions({ functions }: Estate) {
  return { Service: functions.service }
}

/** Those of the five operations that a resource below a service of functions has. */
function ofFunctions(
  name: string,
  parents: Record<string, keyof Estate['functions']>,
  sidOf: (of: Estate) => string,
  made: Form,
): typeof ATTEMPTS {
  const path = `/v1/Services/:Service/${name}`
  const all = (of: Estate) => ({
    ...functions(of),
    ...Object.fromEntries(Object.entries(parents).map(([part, resource]) => [part, of.functions[resource]])),
  })
  const attempts: typeof ATTEMPTS = {
    [`POST ${path}`]: (of) => ({ path: all(of), form: made }),
    [`GET ${path}`]: (of) => ({ path: all(of) }),
    [`GET ${path}/:Sid`]: (of) => ({ path: { ...all(of), Sid: sidOf(of) } }),
    [`POST ${path}/:Sid`]: (of) => ({ path: { ...all(of), Sid: sidOf(of) }, form: made }),
    [`DELETE ${path}/:Sid`]: (of) => ({ path: { ...all(of), Sid: sidOf(of) } }),
  }
  const there = new Set(operations.map(nameOf))
  return Object.fromEntries(Object.entries(attempts).filter(([name]) => there.has(name)))
}

/** The five operations of a resource whose path names the account. */
function ofAccount(
  name: string,
  sidOf: (of: Estate) => string,
  made: Form,
  changed: Form = { FriendlyName: 'Taken' },
): typeof ATTEMPTS {
  const path = `/2010-04-01/Accounts/:AccountSid/${name}`
  const all = (of: Estate) => ({ AccountSid: of.accountSid })
  const one = (of: Estate) => ({ AccountSid: of.accountSid, Sid: sidOf(of) })
  return {
    [`POST ${path}`]: (of) => ({ path: all(of), form: made }),
    [`GET ${path}`]: (of) => ({ path: all(of) }),
    [`GET ${path}/:Sid`]: (of) => ({ path: one(of) }),
    [`POST ${path}/:Sid`]: (of) => ({ path: one(of), form: changed }),
    [`DELETE ${path}/:Sid`]: (of) => ({ path: one(of) }),
  }
}

interface Attacker {
  who: string
  /** Its own account and service, by the names of the parts of paths. */
  own: { AccountSid: string; ServiceSid: string; Service: string }
  authorization: string
}

/** The same, with the attacker's own account or service before the owner's sid. */
const withOwnParts = ({ path = {}, form = {} }: Attempt, own: Attacker['own']): Attempt[] =>
  Object.keys(path).length > 1 || 'VerificationSid' in form
    ? (['AccountSid', 'ServiceSid', 'Service'] as const)
        .filter((part) => part in path)
        .map((part) => ({ path: { ...path, [part]: own[part] }, form }))
    : []

/** What others' calls may change: the list of subaccounts, which attack here, and what is written down of refusals. */
const CHANGING = /^GET \/(2010-04-01\/Accounts$|v1\/Events$|v1\/Alerts$)/

const unchanging = (read: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(read).filter(([name]) => !CHANGING.test(name)))

/** What a list repeats of the request that asked for it. */
const ENVELOPE = new Set(['meta', 'uri', 'first_page_uri', 'next_page_uri', 'previous_page_uri'])

describe('isolation of accounts', () => {
  const clock = timerlessClock()
  let server: TestServer
  let estate: Estate
  /** What the owner read of it before anybody else came. */
  let baseline: Record<string, unknown>
  before(async () => {
    server = await testServer({ clock })
    estate = await buildEstate(server)
    baseline = await readAll()
  })
  after(() => server.close())

  async function ask(op: Operation, attempt: Attempt, authorization: string) {
    const url = Object.entries(attempt.path ?? {}).reduce(
      (path, [name, value]) => path.replace(new RegExp(`:${name}\\b`), value),
      op.path,
    )
    assert.ok(!url.includes(':'), `${nameOf(op)}: a part of the path has no value`)
    const form = attempt.form ?? {}
    if (op.method === 'POST') return server.post(url, form, authorization)
    const asked = Object.keys(form).length === 0 ? url : `${url}?${encodeForm(form)}`
    return op.method === 'GET' ? server.get(asked, authorization) : server.del(asked, authorization)
  }
  const attemptAt = (op: Operation) => ATTEMPTS[nameOf(op)]?.(estate) ?? {}
  const listed = operations.filter((op) => nameOf(op) in ATTEMPTS)
  const own = () => basic(server.accountSid, server.authToken)

  /** All that the owner can read of its own, by operation. */
  async function readAll(): Promise<Record<string, unknown>> {
    const read: Record<string, unknown> = {}
    for (const op of listed.filter(({ method }) => method === 'GET')) {
      const { status, body } = await ask(op, attemptAt(op), own())
      assert.equal(status, 200, `${nameOf(op)} with the owner's credentials: ${JSON.stringify(body)}`)
      read[nameOf(op)] = body
    }
    return read
  }

  /** Other accounts, made anew for each operation: some operations change the credentials they are called with. */
  async function addAttackers(): Promise<Attacker[]> {
    const stranger = makeAccount(server.ctx, { friendlyName: 'Stranger' })
    const child = makeAccount(server.ctx, { friendlyName: 'Child', parentSid: server.accountSid })
    await server.ctx.storage.system.write(async (tx) => {
      await insertAccount(tx, stranger)
      await insertAccount(tx, child)
    })
    const attackers: Attacker[] = []
    for (const { sid, authToken } of [stranger, child]) {
      const authorization = basic(sid, openAuthToken(server.ctx, sid, authToken))
      const service = await server.post('/v2/Services', { FriendlyName: 'Mine' }, authorization)
      const names = { UniqueName: 'mine', FriendlyName: 'Mine' }
      const functions = await server.post('/v1/Services', names, authorization)
      const own = { AccountSid: sid, ServiceSid: service.body.sid, Service: functions.body.sid }
      const key = await server.post('/v1/Keys', { AccountSid: sid, KeyType: 'main' }, authorization)
      const who = sid === child.sid ? 'a subaccount' : 'a stranger'
      attackers.push({ who: `${who}'s main key`, own, authorization: basic(key.body.sid, key.body.secret) })
      attackers.push({ who, own, authorization })
    }
    return attackers
  }

  test('the owner reads all of it: the sids below are real', async () => {
    const all = JSON.stringify(baseline)
    for (const mark of estate.marks) assert.ok(all.includes(mark), `${mark} is nowhere to be read`)
  })

  test('every operation has an entry in the table above', () => {
    const without = operations.filter((op) => !listed.includes(op))
    assert.deepEqual(without.map(nameOf), [])
  })

  for (const op of listed) {
    test(`${nameOf(op)} of another account`, async () => {
      const attempt = attemptAt(op)
      for (const { who, own, authorization } of await addAttackers()) {
        for (const tried of [attempt, ...withOwnParts(attempt, own)]) {
          const { status, body } = await ask(op, tried, authorization)
          const said = `${who}: ${status} ${JSON.stringify(body)}`
          if (attempt.path) assert.deepEqual([status, body.code], [404, 20404], said)
          else {
            // It names nothing of the owner: they get what is theirs, or nothing.
            // Or is taken, by themselves.
            assert.ok(status < 400 || [403, 404, 409].includes(status), said)
            const text = JSON.stringify(body, (key, value) => (ENVELOPE.has(key) ? undefined : value)) ?? ''
            for (const mark of estate.marks) assert.ok(!text.includes(mark), said)
          }
        }
      }
      assert.deepEqual(unchanging(await readAll()), unchanging(baseline))
    })
  }

  test('with wrong credentials every operation is the same 401', async () => {
    for (const op of listed) {
      // Past the limit of failed log-ins.
      clock.pass(61_000)
      for (const [user, secret] of [
        [server.accountSid, '0'.repeat(32)],
        [estate.keySid, server.authToken],
        [`AC${'0'.repeat(32)}`, server.authToken],
      ] as const) {
        const { status, body } = await ask(op, attemptAt(op), basic(user, secret))
        assert.deepEqual([status, body], [401, REFUSED], nameOf(op))
      }
    }
  })

  test('no entry is of an operation that is gone', () => {
    const names = new Set(operations.map(nameOf))
    assert.deepEqual(
      Object.keys(ATTEMPTS).filter((name) => !names.has(name)),
      [],
    )
  })
})

const REFUSED = {
  code: 20003,
  message: 'Authenticate',
  more_info: 'https://www.twilio.com/docs/errors/20003',
  status: 401,
}
