import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { operations } from '../../src/app.ts'
import { type Form, parseForm } from '../../src/http/form.ts'
import { compileOperation, type Operation } from '../../src/http/operation.ts'
import { type TestServer, testServer } from '../support/server.ts'
import { listCompatibility, sameRoute } from './compatibility.ts'
import { choicesOf, type DescribedOperation, products, type Sample, UPLOAD } from './description.ts'

/** Of Verify v2; of the others all that is listed. */
const BUILT = [
  'CreateService',
  'CreateVerification',
  'CreateVerificationCheck',
  'DeleteService',
  'FetchService',
  'FetchVerification',
  'FetchVerificationAttempt',
  'FetchVerificationAttemptsSummary',
  'ListService',
  'ListVerificationAttempt',
  'UpdateService',
  'UpdateVerification',
]

/**
 * Samples of requests that are refused here: silent network authentication is not built yet, which numbers stand for
 * which status is documented nowhere, and a call delay of 100 is above the documented limit.
 */
const REFUSED_SAMPLES = new Set([
  'CreateVerification createVerificationSna',
  'UpdateAccount updateWithNumericStatus',
  'CreateValidationRequest create',
])
/** Nor is this a code. */
const CUSTOM_CODE_OF_ELEVEN = 'custom_code'

/** What a request needs besides the parameter that is tried. */
const REQUIRED: Record<string, Form> = {
  CreateVerification: { To: '+15017122661', Channel: 'sms' },
  CreateValidationRequest: { PhoneNumber: '+15017122661' },
  CreateMessage: { To: '+15017122661' },
  CreateUsageTrigger: { CallbackUrl: 'https://example.com/', TriggerValue: '1', UsageCategory: 'totalprice' },
}

const verify = listCompatibility('verify')
const others = products.filter((product) => product !== 'verify').flatMap(listCompatibility)
const table = [...verify, ...others]

describe('the operations of the official description', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
  })
  after(() => server.close())

  test('Verify has 57, and those of the compatibility list are built', () => {
    assert.equal(verify.length, 57)
    const built = verify.flatMap(({ described, built }) => (built ? [described.id] : []))
    assert.deepEqual(built.sort(), BUILT)
  })

  test('of accounts, keys, tokens, usage, events, messaging and Functions all are built', () => {
    assert.equal(others.length, 45 + 10 + 39)
    assert.deepEqual(
      others.flatMap(({ described, built }) => (built ? [] : [described.id])),
      [],
    )
  })

  test('none of ours under the paths of the real API is undocumented', () => {
    const documented = new Set(table.map(({ described }) => sameRoute(described)))
    const real = operations.filter(
      ({ path, permission }) =>
        /^\/(v1|v2|2010-04-01)\//.test(path) && !permission.startsWith('/countersign/'),
    )
    assert.deepEqual(
      real
        .filter(({ method, path }) => method !== UPLOAD.method || !UPLOAD.path.test(path))
        .map(sameRoute)
        .filter((route) => !documented.has(route)),
      [],
    )
  })

  test('parameters that are not described are ignored', async () => {
    const made = await server.post('/v2/Services', { FriendlyName: 'Same', UndocumentedColour: 'red' })
    assert.equal(made.status, 201)
    const listed = await server.get('/v2/Services?UndocumentedOrder=asc')
    assert.ok(listed.body.services.some(({ sid }: Sample) => sid === made.body.sid))
  })

  for (const { described, built } of table) {
    if (built) testBuilt(described, built)
    else if (described.product === 'verify') {
      test(`${described.id} says that it is not built yet`, async () => {
        const path = fill(described.path, server.serviceSid)
        const call = { GET: server.get, POST: server.post, DELETE: server.del }[described.method]
        const { status, body } = await call(path)
        assert.deepEqual([status, body.code], [404, 20404])
        assert.match(body.message, /is not built yet$/)
      })
    }
  }
})

function testBuilt(described: DescribedOperation, built: Operation): void {
  const properties: Record<string, object> = built.input?.properties ?? {}

  test(`${described.id} knows each documented parameter and no other`, () => {
    assert.deepEqual(Object.keys(properties).sort(), Object.keys(described.parameters).sort())
    assert.deepEqual([...(built.input?.required ?? [])].sort(), [...described.required].sort())
  })

  test(`${described.id} answers as documented, and its schemas compile`, async () => {
    assert.ok(described.replies.has(built.status), `status ${built.status} is documented`)
    assert.equal(built.reply === null, described.replies.get(built.status) === undefined)
    const compiled = await compileOperation(built)
    assert.equal(typeof compiled.serialize, 'function')
  })

  for (const [name, { enum: choices, $ref }] of Object.entries(described.parameters)) {
    for (const choice of choices ?? choicesOf(described.product, $ref)) {
      test(`${described.id} accepts ${name}=${choice}`, async () => {
        const { pick } = await compileOperation(built)
        const form = { ...REQUIRED[described.id], [name]: choice }
        assert.deepEqual(pick(form), form)
      })
    }
  }

  for (const [name, sample] of Object.entries(described.requestSamples)) {
    test(`${described.id} accepts the documented request ${name}`, async () => {
      const { pick } = await compileOperation(built)
      const form = parseForm(encode(sample))
      if (REFUSED_SAMPLES.has(`${described.id} ${name}`)) assert.throws(() => pick(form), { code: 60200 })
      else
        assert.deepEqual(
          Object.keys(pick(form) as object).sort(),
          Object.keys(known(sample, described)).sort(),
        )
    })
  }
}

/** The samples hold a parameter or two that are documented nowhere. */
const known = (sample: Sample, { parameters }: DescribedOperation) =>
  Object.fromEntries(Object.entries(sample).filter(([name]) => name in parameters))

const encode = (sample: Sample) =>
  new URLSearchParams(
    Object.entries(sample).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, one === CUSTOM_CODE_OF_ELEVEN ? 'code' : textOf(one)]),
    ),
  ).toString()

const textOf = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value))

const fill = (path: string, serviceSid: string) =>
  path.replace('{ServiceSid}', serviceSid).replace(/\{\w+\}/g, 'something')
