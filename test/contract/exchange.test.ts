import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Fastify from 'fastify'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'
import type { Sample } from './description.ts'
import { checkExchange, type Exchange, watchExchanges } from './exchange.ts'

/** An exchange as it was, to be spoilt. */
async function record(
  server: TestServer,
  method: 'GET' | 'POST',
  url: string,
  form?: Record<string, string>,
) {
  const { status, body } = await (method === 'GET' ? server.get(url) : server.post(url, form))
  const exchange: Exchange = { method, url, form: form && new URLSearchParams(form).toString(), status, body }
  return (change: Partial<Exchange> & { fields?: Sample; without?: string }) => {
    const { fields, without, ...rest } = change
    const changed: Sample = { ...(body as Sample), ...fields }
    if (without) delete changed[without]
    return () => checkExchange({ ...exchange, body: changed, ...rest })
  }
}

test('what goes over a socket is checked as well', async () => {
  const app = Fastify()
  const checkExchanges = watchExchanges(app)
  app.get('/v2/Services', async () => ({ services: [] }))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  assert.doesNotThrow(checkExchanges)
  await (await fetch(`${url}/v2/Services`)).json()
  await app.close()
  assert.throws(checkExchanges, /GET \/v2\/Services → 200: the list lacks meta/)
})

describe('the check of an exchange', () => {
  let server: TestServer
  let verification: Awaited<ReturnType<typeof record>>
  let service: Awaited<ReturnType<typeof record>>
  let attempts: Awaited<ReturnType<typeof record>>
  let error: Awaited<ReturnType<typeof record>>
  before(async () => {
    server = await testServer()
    const { serviceSid } = server
    const form = { To: freshNumber(), Channel: 'sms' }
    verification = await record(server, 'POST', `/v2/Services/${serviceSid}/Verifications`, form)
    service = await record(server, 'GET', `/v2/Services/${serviceSid}`)
    await server.ctx.delivery.drained()
    attempts = await record(server, 'GET', '/v2/Attempts?PageSize=20')
    error = await record(server, 'GET', '/v2/Services/VA00000000000000000000000000000000')
  })
  after(() => server.close())

  test('what the server does passes', () => {
    for (const unchanged of [verification, service, attempts, error]) assert.doesNotThrow(unchanged({}))
  })

  test('parameters are described ones', () => {
    assert.throws(verification({ form: 'To=%2B1&Colour=red' }), /CreateVerification has no parameter Colour/)
    assert.throws(attempts({ url: '/v2/Attempts?Sort=asc' }), /ListVerificationAttempt has no parameter Sort/)
  })

  test('a status is a described one', () => {
    assert.throws(verification({ status: 200 }), /CreateVerification has no such status/)
    assert.throws(verification({ method: 'DELETE' }), /no such operation is described/)
  })

  test('an answer has the documented keys, no more and no fewer', () => {
    assert.throws(verification({ fields: { code: '123456' } }), /has an undocumented code/)
    assert.throws(verification({ without: 'payee' }), /lacks payee/)
    assert.throws(attempts({ without: 'meta' }), /lacks meta/)
  })

  test('types, patterns, choices and formats hold', () => {
    assert.throws(verification({ fields: { valid: 'false' } }), /\/valid must be boolean/)
    assert.throws(verification({ fields: { sid: 'VE1' } }), /\/sid must/)
    assert.throws(verification({ fields: { channel: 'pigeon' } }), /\/channel must be equal to one of/)
    assert.throws(
      verification({ fields: { date_created: '2026-11-20T12:00:00.123Z' } }),
      /\/date_created must/,
    )
    assert.throws(service({ fields: { url: '/v2/Services' } }), /\/url must match format "uri"/)
  })

  test('null stands only where the recorded answers have it', () => {
    assert.throws(verification({ fields: { sid: null } }), /sid is null/)
    assert.throws(service({ fields: { links: null } }), /links is null/)
    assert.doesNotThrow(service({ fields: { tts_name: null } }))
  })

  test('nested objects are those of the recorded answers', () => {
    assert.throws(service({ fields: { push: {} } }), /push has the keys/)
    assert.throws(
      service({ fields: { push: { include_date: 0, apn_credential_sid: null, fcm_credential_sid: null } } }),
      /push.include_date is of the kind number/,
    )
    assert.throws(
      verification({ fields: { send_code_attempts: [{ time: 'now' }] } }),
      /send_code_attempts\[\] has the keys/,
    )
    assert.throws(verification({ fields: { lookup: { carrier: {} } } }), /lookup.carrier has the keys/)
  })

  test('items of a list are held as resources are, a call by its own states', async () => {
    const { body } = await server.get('/v2/Attempts')
    const [attempt] = body.attempts
    const { message_status: _, ...data } = attempt.channel_data
    const listing = (channel_data: Sample) =>
      attempts({ fields: { attempts: [{ ...attempt, channel_data }] } })
    assert.doesNotThrow(listing({ ...data, call_status: 'no-answer' }))
    assert.throws(listing({ ...data, call_status: 'lost' }), /call_status is none of the documented/)
    assert.throws(listing({ ...data, message_status: 'lost' }), /message_status is none of the documented/)
    assert.throws(listing(data), /channel_data has the keys/)
    assert.throws(attempts({ fields: { meta: { ...body.meta, key: 'tries' } } }), /does not name attempts/)
    assert.throws(attempts({ fields: { meta: {} } }), /meta lacks page/)
  })

  test('the 2010-04-01 API is held by its own forms', async () => {
    const accounts = await record(server, 'GET', '/2010-04-01/Accounts.json')
    const [account] = (await server.get('/2010-04-01/Accounts.json')).body.accounts
    const listing = (change: Sample) => accounts({ fields: { accounts: [{ ...account, ...change }] } })
    assert.doesNotThrow(accounts({}))
    assert.throws(accounts({ without: 'start' }), /the list lacks start/)
    assert.throws(accounts({ fields: { meta: {} } }), /an undocumented meta/)
    assert.throws(accounts({ fields: { uri: 'Accounts.json' } }), /\/uri must match format/)
    assert.throws(listing({ date_created: '2026-11-20T12:00:00Z' }), /date_created must match format/)
    assert.throws(listing({ secret: 'x' }), /an undocumented secret/)
    assert.throws(listing({ subresource_uris: { lamps: '/Lamps.json' } }), /an undocumented lamps/)
    assert.doesNotThrow(listing({ subresource_uris: {} }))
  })

  test('an error has the four documented fields', () => {
    assert.throws(error({ fields: { details: {} } }), /not the documented form/)
    assert.throws(error({ fields: { status: 400 } }), /not the documented form/)
    assert.throws(error({ without: 'more_info' }), /not the documented form/)
  })
})
