import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { addAccount } from '../test/support/account.ts'
import { until } from '../test/support/carrier.ts'
import { basic, freshNumber, type TestServer, testServer } from '../test/support/server.ts'
import { buildApp } from './app.ts'

const UNKNOWN_SID = `AC${'0'.repeat(32)}`
const UNKNOWN_SERVICE = `/v2/Services/VA${'0'.repeat(32)}`
const FORM = 'application/x-www-form-urlencoded'

describe('the HTTP server', () => {
  let server: TestServer
  /** Beside the server's own, which holds requests against the API's description: here they may be anything. */
  let app: FastifyInstance
  before(async () => {
    server = await testServer()
    app = buildApp(server.ctx, { controlSecret: 'not used' })
  })
  after(async () => {
    await app.close()
    await server.close()
  })

  /** A request as it comes, without what the other helpers add. */
  const inject = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS',
    url: string,
    headers: Record<string, string> = { authorization: own() },
    payload?: string,
  ) => {
    const answer = await app.inject({
      method,
      url,
      headers: { host: 'localhost:8080', ...headers },
      ...(payload !== undefined && { payload }),
    })
    return { status: answer.statusCode, headers: answer.headers, body: answer.body && answer.json() }
  }
  const own = () => basic(server.accountSid, server.authToken)
  const refused = (code: number, status: number, message: string) => ({
    code,
    message,
    more_info: `https://www.twilio.com/docs/errors/${code}`,
    status,
  })

  describe('authentication', () => {
    const wrong: readonly [what: string, header: () => string | undefined][] = [
      ['no header', () => undefined],
      ['an empty header', () => ''],
      ['another scheme', () => `Bearer ${server.authToken}`],
      ['no credentials', () => 'Basic'],
      ['no base64', () => 'Basic !!!'],
      ['no colon', () => `Basic ${Buffer.from(server.accountSid).toString('base64')}`],
      ['an unknown account', () => basic(UNKNOWN_SID, server.authToken)],
      ['a wrong token', () => basic(server.accountSid, '0'.repeat(32))],
      ['an empty token', () => basic(server.accountSid, '')],
      ['a token with more behind it', () => basic(server.accountSid, `${server.authToken}\n`)],
      ['the token in upper case', () => basic(server.accountSid, server.authToken.toUpperCase())],
      ['a NUL in the account', () => basic(`${server.accountSid}\0`, server.authToken)],
      ['an account of invalid UTF-8', () => `Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString('base64')}`],
    ]
    for (const [what, header] of wrong) {
      test(`${what}: 401, and nothing tells what was wrong`, async () => {
        const authorization = header()
        const answer = await inject(
          'GET',
          '/v2/Services',
          authorization === undefined ? {} : { authorization },
        )
        assert.equal(answer.status, 401)
        assert.deepEqual(answer.body, refused(20003, 401, 'Authenticate'))
        assert.equal(answer.headers['www-authenticate'], 'Basic realm="Twilio API"')
        assert.match(String(answer.headers['content-type']), /^application\/json/)
      })
    }

    test('the scheme is taken in any case, spaces around the credentials as well', async () => {
      const authorization = own().replace('Basic ', 'bASIC   ')
      assert.equal((await inject('GET', '/v2/Services', { authorization: `${authorization} ` })).status, 200)
    })

    test('it comes before everything else that could be wrong', async () => {
      const type = { 'content-type': FORM }
      for (const [method, url, payload] of [
        ['GET', '/nowhere'],
        ['GET', '/v2/Templates'],
        ['PUT', '/v2/Services'],
        ['GET', UNKNOWN_SERVICE],
        ['POST', '/v2/Services', 'x'.repeat(70_000)],
        ['POST', '/v2/Services', '&'.repeat(200)],
      ] as const) {
        assert.equal((await inject(method, url, type, payload)).status, 401, `${method} ${url}`)
      }
    })

    test('an account that is suspended is told so, but only with its token', async () => {
      const { sid, authorization } = await addAccount(server.ctx, 'suspended')
      const answer = await inject('GET', '/v2/Services', { authorization })
      assert.deepEqual(answer.body, refused(20005, 403, 'Account not active'))
      assert.equal((await inject('GET', '/v2/Services', { authorization: basic(sid, 'x') })).status, 401)
    })
  })

  describe('paths and methods', () => {
    for (const url of [
      '/',
      '/v2',
      '/v2/Nothing',
      '/v2/services',
      '/v1/AuthTokens',
      '/2010-04-01/Nothing',
      '/_control/credentials',
      '/favicon.ico',
    ]) {
      test(`${url} is not there`, async () => {
        const { body } = await inject('GET', url)
        const named = url.replace('/v2/', '/')
        assert.deepEqual(body, refused(20404, 404, `The requested resource ${named} was not found`))
      })
    }

    test('paths of the 2010-04-01 API end in .json or not', async () => {
      for (const path of ['/2010-04-01/Accounts', `/2010-04-01/Accounts/${server.accountSid}/Keys`]) {
        const named = (await inject('GET', `${path}.json?PageSize=1`)).body
        assert.deepEqual((await inject('GET', `${path}?PageSize=1`)).body, named)
        assert.equal(named.uri, `${path}.json?PageSize=1&Page=0`)
      }
      assert.equal((await inject('GET', '/v2/Services.json')).status, 404)
    })

    test('the 404 names the path, not the query', async () => {
      const { body } = await inject('GET', '/v2/Nothing?To=%2B14155552671')
      assert.equal(body.message, 'The requested resource /Nothing was not found')
    })

    for (const path of [
      '/Templates',
      '/SafeList/Numbers/%2B14155552671',
      '/Forms/forms-push',
      '/Services/VA1/RateLimits',
      '/Services/VA1/Webhooks/YW1',
      '/Services/VA1/Entities/me/Factors',
      '/Services/VA1/AccessTokens',
    ]) {
      test(`${path} says that it is not built yet`, async () => {
        const { body } = await inject('GET', `/v2${path}`)
        const message = `The requested resource ${path} was not found: it is not built yet`
        assert.deepEqual(body, refused(20404, 404, message))
      })
    }

    for (const name of ['Balance', 'Usage/Records/Weekly']) {
      test(`${name} of an account says that it is not built yet`, async () => {
        const path = `/2010-04-01/Accounts/${server.accountSid}/${name}`
        const { status, body } = await inject('GET', `${path}.json?PageSize=1`)
        assert.deepEqual([status, body.code], [404, 20404])
        assert.match(body.message, /is not built yet$/)
      })
    }

    test('another method is 405 and told which there are', async () => {
      const service = `/v2/Services/${server.serviceSid}`
      for (const [method, url, allowed] of [
        ['PUT', '/v2/Services', 'POST, GET'],
        ['DELETE', '/v2/Services', 'POST, GET'],
        ['PATCH', service, 'GET, POST, DELETE'],
        ['GET', `${service}/Verifications`, 'POST'],
        ['DELETE', `${service}/Verifications/VE1`, 'GET, POST'],
        ['GET', `${service}/VerificationCheck`, 'POST'],
        ['POST', '/v2/Attempts', 'GET'],
        ['POST', '/v2/Attempts/Summary', 'GET'],
        ['DELETE', '/inbox/messages', 'GET, POST'],
      ] as const) {
        const answer = await inject(method, url)
        assert.deepEqual(answer.body, refused(20004, 405, 'Method not allowed'), `${method} ${url}`)
        assert.equal(answer.headers.allow, allowed)
      }
    })

    test('HEAD is another method, whose answer has no body', async () => {
      const answer = await app.inject({
        method: 'HEAD',
        url: '/v2/Services',
        headers: { authorization: own() },
      })
      assert.deepEqual([answer.statusCode, answer.headers.allow, answer.body], [405, 'POST, GET', ''])
    })

    test('a path that is no percent-encoding is a clear 400 with a request id', async () => {
      const answer = await inject('GET', '/v2/Services/%E0%A4%A')
      assert.deepEqual(answer.body, refused(20001, 400, 'Malformed request'))
      const id = answer.headers['twilio-request-id']
      assert.ok(server.logged.some((line) => JSON.parse(line).request_id === id))
    })

    test('health is told without credentials', async () => {
      assert.deepEqual((await inject('GET', '/healthz', {})).body, { status: 'ok' })
      const ready = (await inject('GET', '/readyz', {})).body
      assert.deepEqual([ready.status, ready.checks.database, ready.checks.clock], ['ready', 'ok', 'ok'])
    })
  })

  describe('bodies', () => {
    const post = (payload: string, type: string | undefined = FORM, url = '/v2/Services') =>
      inject('POST', url, { authorization: own(), ...(type && { 'content-type': type }) }, payload)

    test('a form is taken with any spelling of its type', async () => {
      for (const type of [FORM, `${FORM}; charset=UTF-8`, FORM.toUpperCase()]) {
        assert.equal((await post('FriendlyName=A+b%2Dc', type)).body.friendly_name, 'A b-c')
      }
    })

    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain', undefined]) {
      test(`a body of type ${type} has no parameters`, async () => {
        const { body } = await post('{"FriendlyName":"Shop"}', type ?? '')
        assert.deepEqual(body, refused(60200, 400, 'Invalid parameter: FriendlyName'))
      })
    }

    test('a type that is none is a malformed request', async () => {
      assert.deepEqual(
        (await post('FriendlyName=Shop', 'form')).body,
        refused(20001, 400, 'Malformed request'),
      )
    })

    test('a compressed body is refused, rather than taken for one without parameters', async () => {
      const post = (encoding: string) => {
        const headers = { authorization: own(), 'content-type': FORM, 'content-encoding': encoding }
        return inject('POST', '/v2/Services', headers, 'FriendlyName=Shop')
      }
      const message = 'Content-Encoding is not supported: send the body as it is'
      for (const encoding of ['gzip', 'deflate', 'br'])
        assert.deepEqual((await post(encoding)).body, refused(20001, 400, message))
      assert.equal((await post('identity')).status, 201)
    })

    test('64 KB are taken, one byte more is not', async () => {
      const limit = 64 * 1024
      const fill = (bytes: number) => `FriendlyName=Shop&x=${'y'.repeat(bytes - 20)}`
      assert.equal((await post(fill(limit))).status, 201)
      assert.deepEqual((await post(fill(limit + 1))).body, refused(20413, 413, 'Request Entity Too Large'))
    })

    test('100 parameters are taken, one more is not, in the query as well', async () => {
      const fill = (count: number) => `PageSize=1${'&x=y'.repeat(count - 1)}`
      assert.equal((await post(`FriendlyName=Shop&${fill(99)}`)).status, 201)
      const tooMany = refused(20001, 400, 'Too many parameters')
      assert.deepEqual((await post(`FriendlyName=Shop&${fill(100)}`)).body, tooMany)
      assert.equal((await inject('GET', `/v2/Services?${fill(100)}`)).status, 200)
      assert.deepEqual((await inject('GET', `/v2/Services?${fill(101)}`)).body, tooMany)
    })

    test('parameters that nobody knows are ignored, whatever they are called', async () => {
      const { status, body } = await post('FriendlyName=Shop&__proto__=x&constructor=y&CodeLength=5&Nobody=z')
      assert.deepEqual([status, body.friendly_name, body.code_length], [201, 'Shop', 5])
    })
  })

  describe('hosts', () => {
    const firstUrl = async (host: string, other = server) => {
      const answer = await other.app.inject({
        method: 'GET',
        url: '/v2/Services?PageSize=1',
        headers: { host, authorization: basic(other.accountSid, other.authToken) },
      })
      return answer.json().meta.first_page_url
    }

    test('addresses in answers are those that the request came by', async () => {
      assert.equal(
        await firstUrl('verify.twilio.com'),
        'https://verify.twilio.com/v2/Services?PageSize=1&Page=0',
      )
      assert.match(
        await firstUrl('Verify.Dublin.IE1.twilio.com:443'),
        /^https:\/\/verify\.dublin\.ie1\.twilio\.com\/v2/,
      )
      assert.match(await firstUrl('[::1]:8080'), /^http:\/\/\[::1\]:8080\/v2/)
      assert.match(
        await firstUrl('verify.twilio.com.example.com'),
        /^http:\/\/verify\.twilio\.com\.example\.com\/v2/,
      )
    })

    test('behind a public name it is that name, but for hosts of Twilio', async () => {
      const named = await testServer({ env: { PUBLIC_URL: 'https://verify.example.com' } })
      try {
        assert.match(await firstUrl('10.0.0.1:8080', named), /^https:\/\/verify\.example\.com\/v2/)
        assert.match(await firstUrl('verify.twilio.com', named), /^https:\/\/verify\.twilio\.com\/v2/)
      } finally {
        await named.close()
      }
    })

    test("a host of Twilio's has only its own paths", async () => {
      const status = async (host: string, url: string) =>
        (await inject('GET', url, { host, authorization: own() })).status
      assert.equal(await status('verify.twilio.com', '/v2/Services'), 200)
      assert.equal(await status('api.twilio.com', '/2010-04-01/Accounts.json'), 200)
      assert.equal(await status('iam.twilio.com', `/v1/Keys?AccountSid=${server.accountSid}`), 200)
      for (const [host, url] of [
        ['verify.twilio.com', '/inbox/messages'],
        ['verify.twilio.com', '/healthz'],
        ['verify.twilio.com', '/_control/credentials'],
        ['api.twilio.com', '/v2/Services'],
        ['api.twilio.com', '/v1/Keys'],
        ['verify.twilio.com', '/2010-04-01/Accounts.json'],
        ['accounts.twilio.com', '/v1/Events'],
        ['iam.twilio.com', '/v1/AuthTokens/Secondary'],
        ['serverless.twilio.com', '/v2/Services'],
        ['twilio.com', '/v2/Services'],
      ] as const) {
        assert.equal(await status(host, url), 404, `${host}${url}`)
      }
      assert.equal((await inject('GET', '/v2/Services', { host: 'api.twilio.com' })).status, 401)
    })
  })

  describe('headers', () => {
    test('each answer has a request id of its own, and its log line has the same', async () => {
      const answers = [
        await inject('GET', '/v2/Services'),
        await inject('GET', '/v2/Services', {}),
        await inject('GET', '/nowhere'),
        await inject('POST', '/v2/Services'),
        await inject('OPTIONS', '/v2/Services', {}),
        await inject('GET', '/healthz', {}),
      ]
      const ids = answers.map(({ headers }) => String(headers['twilio-request-id']))
      assert.equal(new Set(ids).size, ids.length)
      const lines = server.logged.map((line) => JSON.parse(line))
      for (const [i, id] of ids.entries()) {
        assert.match(id, /^RQ[0-9a-f]{32}$/)
        const own = lines.filter((line) => line.message === 'request' && line.request_id === id)
        assert.deepEqual(
          own.map(({ status }) => status),
          [answers[i]?.status],
        )
      }
      const line = lines.find(({ request_id }) => request_id === ids[0])
      assert.deepEqual(
        [line.account_sid, line.method, line.route],
        [server.accountSid, 'GET', '/v2/Services'],
      )
    })

    test('the number of requests under way goes up and comes down again', async () => {
      const under = async () =>
        Number((await inject('GET', '/v2/Services')).headers['twilio-concurrent-requests'])
      const together = await Promise.all([under(), under(), under()])
      assert.equal(Math.max(...together), 3)
      assert.equal(await under(), 1)
    })

    test('who goes away is counted out, and has its line', async () => {
      const origin = await app.listen({ host: '127.0.0.1', port: 0 })
      const before = server.logged.length
      const givenUp = () =>
        server.logged
          .slice(before)
          .map((line) => JSON.parse(line))
          .filter(({ message, route }) => message === 'request' && route === '/v2/Services')
      for (let n = 0; n < 3; n++) {
        const socket = connect(Number(new URL(origin).port), '127.0.0.1')
        socket.write(
          `POST /v2/Services HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: ${own()}\r\n` +
            `Content-Type: ${FORM}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
        )
        await once(socket, 'data')
        socket.destroy()
      }
      await until(() => givenUp().length === 3)
      assert.ok(givenUp().every((line) => line.method === 'POST' && line.status === undefined))
      const { headers } = await inject('GET', '/v2/Services')
      assert.equal(headers['twilio-concurrent-requests'], '1')
    })

    test('a browser may call from anywhere; who is no browser is told nothing of it', async () => {
      const origin = 'https://app.example.com'
      for (const answer of [
        await inject('GET', '/v2/Services', { origin, authorization: own() }),
        await inject('GET', '/v2/Services', { origin }),
        await inject('OPTIONS', '/v2/Services', { origin, 'access-control-request-method': 'POST' }),
      ]) {
        assert.equal(answer.headers['access-control-allow-origin'], '*')
        assert.match(String(answer.headers['access-control-allow-headers']), /Authorization/)
        assert.match(String(answer.headers['access-control-allow-methods']), /DELETE/)
      }
      const preflight = await inject('OPTIONS', '/nowhere', { origin })
      assert.deepEqual([preflight.status, preflight.body], [204, ''])
      const plain = await inject('GET', '/v2/Services')
      assert.equal(plain.headers['access-control-allow-origin'], undefined)
    })
  })

  test('a recipient, a code and a secret never reach the log, wherever they stand', async () => {
    const to = freshNumber()
    await server.start(to)
    const code = await server.lastCode(to)
    const service = `/v2/Services/${server.serviceSid}`
    const named = encodeURIComponent(to)
    await inject('GET', `${service}/Verifications/${named}`)
    await inject('PUT', `${service}/Verifications/${to}`)
    await inject('GET', `${service}/Nothing/${to}`)
    await inject('GET', `/v2/SafeList/Numbers/${named}`)
    await inject('GET', `/v2/Attempts?ChannelData.To=${named}`)
    await inject('GET', `/v2/Services/%E0%A4%A?To=${to}`)
    await server.check(to, code === '000000' ? '000001' : '000000')
    await server.check(to, code)
    const log = server.logged.join('\n')
    assert.ok(log.includes(`${to.slice(0, 5)}•••${to.slice(-4)}`), 'the send itself is logged')
    for (const secret of [to.slice(1), code, server.authToken, own().slice(6)]) {
      assert.ok(!log.includes(secret), secret)
    }
  })

  test('what is a bug answers 500 without detail, and is logged with its request id', async () => {
    const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Broken' })).body
    await server.ctx.storage.system.write(
      (tx) => tx.run`update service set settings = 'secret' where sid = ${sid}`,
    )
    const answer = await inject('GET', `/v2/Services/${sid}`)
    assert.deepEqual(answer.body, refused(20500, 500, 'Internal Server Error'))
    const id = answer.headers['twilio-request-id']
    const lines = server.logged.map((line) => JSON.parse(line)).filter(({ request_id }) => request_id === id)
    assert.deepEqual(lines.map(({ level }) => level).sort(), ['error', 'info'])
  })
})

describe('what never becomes a request', () => {
  let server: TestServer
  let port: number
  before(async () => {
    server = await testServer()
    port = Number(new URL(await server.listen()).port)
  })
  after(() => server.close())

  /** Sends bytes; resolves to all that comes back until the server closes. */
  async function say(text: string): Promise<{ head: string; body: { code: number; status: number } }> {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8')
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    // The server may close while we still send.
    socket.on('error', () => {})
    socket.write(text)
    await once(socket, 'close')
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    return { head, body: JSON.parse(body) }
  }

  for (const [what, text, status, code] of [
    ['no HTTP', 'hello\r\n\r\n', 400, 20001],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n', 400, 20001],
    [
      'two lengths',
      'POST /v2/Services HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
      20001,
    ],
    ['headers beyond 16 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431, 20431],
    ['a path beyond 16 KB', `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 20431],
  ] as const) {
    test(`${what}: ${status} in the same shape, with an id that the log has too`, async () => {
      const { head, body } = await say(text)
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} \\w+`))
      assert.match(head, /connection: close/i)
      assert.deepEqual([body.code, body.status], [code, status])
      const id = /^twilio-request-id: (RQ[0-9a-f]{32})\r?$/im.exec(head)?.[1]
      assert.ok(
        server.logged.some((line) => JSON.parse(line).request_id === id),
        head,
      )
    })
  }

  test('the server goes on', async () => {
    assert.equal((await server.get('/v2/Services')).status, 200)
  })
})
