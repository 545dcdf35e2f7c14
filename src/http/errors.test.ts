import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, mock, test } from 'node:test'
import { addAccount, callerIds, verifyNumber } from '../../test/support/account.ts'
import { basic, type Form, freshNumber, type TestServer, testServer } from '../../test/support/server.ts'
import { StorageUnavailable } from '../storage/storage.ts'
import { ApiError, type ErrorName, errorBody, errorRows, fail } from './errors.ts'

describe('the catalogue of errors', () => {
  let server: TestServer
  /** Where only SMS is served. */
  let smsOnly: TestServer
  before(async () => {
    server = await testServer()
    smsOnly = await testServer({
      file: 'channels:\n  sms: [inbox]\nnumbers:\n  +15017122661: inbox\n',
    })
  })
  after(async () => {
    mock.restoreAll()
    await server.close()
    await smsOnly.close()
  })

  interface Refusal {
    code: number
    message: string
    more_info: string
    status: number
  }
  const get = async (path: string, authorization?: string): Promise<Refusal> =>
    (await server.get(path, authorization)).body
  const start = async (form: Form = {}, to = freshNumber(), service = server.serviceSid) =>
    (await server.post(`/v2/Services/${service}/Verifications`, { To: to, Channel: 'sms', ...form })).body
  const serviceWith = async (form: Form): Promise<string> =>
    (await server.post('/v2/Services', { FriendlyName: 'Special', ...form })).body.sid
  const inject = async (method: 'PUT' | 'POST', url: string, payload = ''): Promise<Refusal> => {
    const { authorization } = await addAccount(server.ctx)
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    return (await server.app.inject({ method, url, headers, payload })).json()
  }
  /** What is answered to a connection on which the parser, or its patience, gave up. */
  const breakOff = async (code: string): Promise<Refusal> => {
    const socket = new PassThrough()
    server.app.server.emit('clientError', Object.assign(new Error('broken'), { code }), socket)
    return JSON.parse((await text(socket)).split('\r\n\r\n')[1] ?? '')
  }
  /** The first call that a request makes of the storage's writer fails with this. */
  const failingWrite = async (error: Error) => {
    const write = mock.method(server.ctx.storage, 'write', () => Promise.reject(error), { times: 1 })
    const { body } = await server.post('/v2/Services', { FriendlyName: 'Shop' })
    write.mock.restore()
    return body
  }
  const messages = ({ accountSid }: TestServer, sid = accountSid) => `/2010-04-01/Accounts/${sid}/Messages`
  const write = async (form: Form) =>
    (await server.post(messages(server), { To: freshNumber(), ...form })).body
  const take = async (at: TestServer, form: Form): Promise<Refusal> =>
    (await at.post(`/2010-04-01/Accounts/${at.accountSid}/IncomingPhoneNumbers`, form)).body
  /** The sixth of requests that are alike, one after the other. */
  const sixth = async (ask: () => Promise<Refusal>) => {
    for (let n = 1; n <= 5; n++) await ask()
    return ask()
  }

  /** Each error, provoked; the compiler holds the list complete. */
  const PROVOKED: Record<ErrorName, () => Promise<Refusal>> = {
    invalidRequest: () => get('/v2/Services?PageToken=x'),
    authenticate: () => get('/v2/Services', 'Basic x'),
    methodNotAllowed: () => inject('PUT', '/v2/Services'),
    accountNotActive: async () => get('/v2/Services', (await addAccount(server.ctx, 'closed')).authorization),
    accessDenied: async () =>
      (await server.post(`/2010-04-01/Accounts/${server.accountSid}.json`, { Status: 'closed' })).body,
    pageSizeTooLarge: () => get('/v2/Services?PageSize=1001'),
    notFound: () => get(`/v2/Services/VA${'0'.repeat(32)}`),
    notBuilt: () => get('/v2/Templates'),
    conflict: async () => {
      const { sid } = (await server.post('/2010-04-01/Accounts.json', { FriendlyName: 'Closed' })).body
      const account = `/2010-04-01/Accounts/${sid}.json`
      await server.post(account, { Status: 'closed' })
      return (await server.post(account, { Status: 'active' })).body
    },
    tooManyRequests: async () => {
      const headers = { authorization: basic(`AC${'9'.repeat(32)}`, 'guess') }
      // Not from where the other errors are asked for.
      const guess = () => server.app.inject({ url: '/v2/Services', headers, remoteAddress: '192.0.2.1' })
      for (let n = 1; n <= 10; n++) await guess()
      return (await guess()).json()
    },
    bodyTooLarge: () => inject('POST', '/v2/Services', 'x'.repeat(70_000)),
    headersTooLarge: () => breakOff('HPE_HEADER_OVERFLOW'),
    requestTimeout: () => breakOff('ERR_HTTP_REQUEST_TIMEOUT'),
    internal: () => failingWrite(new Error('a bug')),
    // A full disk and a database that is gone are the storage's own tests.
    unavailable: () => failingWrite(new StorageUnavailable(new Error('disk full'))),
    alreadyVerified: async () => {
      const PhoneNumber = freshNumber()
      await verifyNumber(server, PhoneNumber)
      return (await server.post(callerIds(server), { PhoneNumber })).body
    },
    unverifiedNumber: async () => {
      const { authorization } = await addAccount(server.ctx, 'active', 'Trial')
      const service = (await server.post('/v2/Services', { FriendlyName: 'Try' }, authorization)).body.sid
      const form = { To: freshNumber(), Channel: 'sms' }
      return (await server.post(`/v2/Services/${service}/Verifications`, form, authorization)).body
    },
    invalidParameter: () => start({ Channel: 'pigeon' }),
    invalidTo: () => start({}, '+1'),
    maxChecks: async () => {
      const to = freshNumber()
      await start({}, to)
      const code = await server.lastCode(to)
      return sixth(async () => (await server.check(to, code === '0000' ? '1111' : '0000')).body)
    },
    maxSends: () => {
      const to = freshNumber()
      return sixth(() => start({}, to))
    },
    unsupportedFeature: () => start({ CustomCode: '1234' }),
    landline: async () => {
      const service = await serviceWith({ LookupEnabled: true, SkipSmsToLandlines: true })
      return start({}, '+442079460018', service)
    },
    psd2Required: async () => start({}, freshNumber(), await serviceWith({ Psd2Enabled: true })),
    tooManyConcurrent: async () => {
      const to = freshNumber()
      const answers = await Promise.all(Array.from({ length: 60 }, () => start({}, to)))
      return answers.find(({ code }) => code === 60212) ?? answers[0]
    },
    psd2Call: async () => {
      const service = await serviceWith({ Psd2Enabled: true })
      return start({ Channel: 'call', Amount: '1 €', Payee: 'Shop' }, freshNumber(), service)
    },
    noTarget: async () =>
      (await server.post(`/v2/Services/${server.serviceSid}/VerificationCheck`, { Code: '123456' })).body,
    channelDisabled: async () => (await smsOnly.start('ann@example.com', { Channel: 'email' })).body,
    authorizationFailed: async () => {
      const Policy = JSON.stringify({ allow: ['/twilio/verify/attempts/list'] })
      const form = { AccountSid: server.accountSid, KeyType: 'restricted', Policy }
      const { sid, secret } = (await server.post('/v1/Keys', form)).body
      return get('/v2/Services', basic(sid, secret))
    },
    notComplete: async () => {
      const { sid } = await write({ From: freshNumber(), Body: 'Hi' })
      await server.ctx.messaging.drained()
      return (await server.post(`${messages(server)}/${sid}`, { Status: 'canceled' })).body
    },
    invalidMessageTo: () => write({ To: '+1', From: freshNumber(), Body: 'Hi' }),
    invalidFrom: () => write({ From: '+1', Body: 'Hi' }),
    invalidUrl: () => take(server, { PhoneNumber: freshNumber(), SmsUrl: 'ftp://example.com/' }),
    invalidNumber: () => take(server, { PhoneNumber: '+1' }),
    numberNotAvailable: () => take(smsOnly, { PhoneNumber: freshNumber() }),
    bodyRequired: () => write({ From: freshNumber() }),
    fromRequired: () => write({ Body: 'Hi' }),
    notOwnFrom: async () => {
      const form = { To: freshNumber(), From: '+15017122661', Body: 'Hi' }
      return (await smsOnly.post(messages(smsOnly), form)).body
    },
    unverifiedTo: async () => {
      const { sid, authorization } = await addAccount(server.ctx, 'active', 'Trial')
      const form = { To: freshNumber(), From: freshNumber(), Body: 'Hi' }
      return (await server.post(messages(server, sid), form, authorization)).body
    },
    invalidStatusCallback: () => write({ From: freshNumber(), Body: 'Hi', StatusCallback: 'example.com' }),
    bodyTooLong: () => write({ From: freshNumber(), Body: 'x'.repeat(1601) }),
    appHashChannel: () => start({ Channel: 'call', AppHash: 'abcdefghijk' }),
  }

  for (const { name, code, status, message } of errorRows) {
    test(`${name}: ${code} is answered`, async () => {
      const body = await PROVOKED[name]()
      assert.deepEqual(body, {
        code,
        message: body.message,
        more_info: `https://www.twilio.com/docs/errors/${code}`,
        status,
      })
      const [before = '', behind = ''] = message.split('…')
      assert.ok(body.message.startsWith(before) && body.message.endsWith(behind), body.message)
    })
  }

  test('a refusal is an error with its code, status and text', () => {
    const refusal = fail.invalidTo('+1')
    assert.ok(refusal instanceof ApiError)
    assert.deepEqual(errorBody(refusal), {
      code: 60200,
      message: 'Invalid parameter `To`: +1',
      more_info: 'https://www.twilio.com/docs/errors/60200',
      status: 400,
    })
  })

  test('docs/errors.md has exactly the errors there are', async () => {
    const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')
    const rows = page
      .split('\n')
      .filter((line) => /^\| \d/.test(line))
      .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))
    assert.deepEqual(
      rows.map(([code, status, message]) => [code, status, message]),
      errorRows.map(({ code, status, message }) => [String(code), String(status), message]),
    )
    for (const row of rows) assert.ok(row[3], `${row[0]}: the page does not say when`)
  })
})
