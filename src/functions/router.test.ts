import assert from 'node:assert/strict'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { BASIC_AUTH } from '../../test/support/basic-auth.ts'
import { until } from '../../test/support/carrier.ts'
import { type Deployment, deploy, redeploy } from '../../test/support/deployment.ts'
import { NO_WALL } from '../../test/support/function-lab.ts'
import { encodeForm, type TestServer, testServer } from '../../test/support/server.ts'
import { buildApp } from '../app.ts'
import { openAuthority } from '../intercept/ca.ts'
import { MAX_HELD } from './request.ts'

/** Says what it was called with. */
const ECHO = `exports.handler = (context, event, callback) => {
  const { request, ...parameters } = event
  const { headers, cookies } = request
  const { PATH, DOMAIN_NAME, ACCOUNT_SID, AUTH_TOKEN } = context
  callback(null, { parameters, cookies, twice: headers['x-twice'], host: headers.host, PATH, DOMAIN_NAME, ACCOUNT_SID, AUTH_TOKEN })
}`
const ANSWERS = `exports.handler = (context, event, callback) => {
  const response = new Twilio.Response()
  response.setStatusCode(Number(event.status || 200)).setBody('x'.repeat(Number(event.length || 1)))
  for (const [name, value] of JSON.parse(event.headers || '[]')) response.appendHeader(name, value)
  callback(null, response)
}`
const saying = (what: string) => `exports.handler = (context, event, callback) => callback(null, '${what}')`

let server: TestServer
let origin: string
let main: Deployment
before(async () => {
  server = await testServer({ env: { COUNTERSIGN_FUNCTIONS_PATH_FORM: 'true' } })
  origin = await server.listen()
  main = await deploy(server, [
    { path: '/basic', content: BASIC_AUTH },
    { path: '/echo', content: ECHO },
    { path: '/answers', content: ANSWERS },
    { path: '/both', content: saying('function') },
    { path: '/2010-04-01/x.json', content: saying('whole path') },
    { path: '/sms-reply', content: ECHO, visibility: 'protected' },
    { path: '/hidden', content: saying('hidden'), visibility: 'private' },
    { path: '/throws', content: "exports.handler = () => { throw new Error('boom') }" },
    {
      path: '/logs',
      content: "exports.handler = (c, e, callback) => { console.warn('w'); console.error('e'); callback() }",
    },
    { path: '/dies', content: 'exports.handler = () => process.exit(3)' },
    { kind: 'Assets', path: '/both', content: 'asset', contentType: 'text/plain' },
    { kind: 'Assets', path: '/assets/index.html', content: '<h1>Home</h1>', contentType: 'text/html' },
    { kind: 'Assets', path: '/letters.txt', content: 'abcdefghij', contentType: 'text/plain' },
    { kind: 'Assets', path: '/inner.txt', content: 'inner', visibility: 'protected' },
    { kind: 'Assets', path: '/secret.txt', content: 'secret', visibility: 'private' },
  ])
})
after(() => server.close())

interface Asked {
  method?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
  host?: string
}

/** To the port of the server, as whoever resolves the name of a host does. */
async function ask(path: string, { method = 'GET', headers = {}, body, host }: Asked = {}) {
  const Host = host ?? `${main.label}.twil.io`
  const request = requestHttp(origin, { method, path, agent: false, headers: { Host, ...headers } })
  request.end(body)
  const [response] = await once(request, 'response')
  const { date, connection: _, ...rest } = response.headers
  return { status: response.statusCode, date, headers: rest, body: await text(response) }
}

const askForm = (path: string, form: Record<string, string | string[]>, more: Asked = {}) =>
  ask(path, {
    method: 'POST',
    ...more,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...more.headers },
    body: encodeForm(form),
  })

const sign = (text: string, token = server.authToken) =>
  createHmac('sha1', token).update(text).digest('base64')

describe("Twilio's page about Basic authentication", () => {
  const refusal = {
    'content-type': 'application/octet-stream',
    'content-length': '12',
    'www-authenticate': 'Basic realm="Authentication Required"',
    'x-shenanigans': 'none',
  }
  const welcome = {
    'content-type': 'text/plain; charset=utf8',
    'content-length': '2',
    'x-shenanigans': 'none',
    'x-content-type-options': 'nosniff',
    'x-xss-protection': '1; mode=block',
  }

  for (const method of ['GET', 'POST']) {
    test(`${method} without credentials: these headers and no other`, async () => {
      const { status, date, headers, body } = await ask('/basic', { method })
      assert.deepEqual([status, headers, body], [401, refusal, 'Unauthorized'])
      assert.match(date ?? '', /GMT$/)
    })

    test(`${method} with credentials`, async () => {
      const authorization = 'Basic dHdpbGlvOmFob3kh'
      const { status, headers, body } = await ask('/basic', { method, headers: { authorization } })
      assert.deepEqual([status, headers, body], [200, welcome, 'OK'])
    })
  }

  test('the whole answer, byte for byte, but for its date', async () => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    socket.write(`POST /basic HTTP/1.1\r\nHost: ${main.label}.twil.io\r\nContent-Length: 0\r\n\r\n`)
    let answer = ''
    for await (const chunk of socket) {
      answer += chunk
      if (answer.endsWith('Unauthorized')) break
    }
    assert.deepEqual(answer.replace(/Date: [^\r]+/, 'Date: …').split('\r\n'), [
      'HTTP/1.1 401 Unauthorized',
      'www-authenticate: Basic realm="Authentication Required"',
      'content-type: application/octet-stream',
      'x-shenanigans: none',
      'content-length: 12',
      'Date: …',
      '',
      'Unauthorized',
    ])
  })

  test('over HTTP/2', async () => {
    const { certify, rootPem } = await openAuthority(join(server.ctx.config.dataDir, 'ca'), server.ctx)
    const { key, cert } = certify(`${main.label}.twil.io`)
    const tls = { key: Buffer.from(key), cert: Buffer.from(cert) }
    const app = buildApp(server.ctx, { tls, controlSecret: 'not used' })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const host = `${main.label}.twil.io`
    const { port } = app.server.address() as AddressInfo
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: rootPem, servername: host })
    try {
      const stream = session.request({ ':authority': host, ':path': '/basic', ':method': 'POST' })
      stream.end()
      const [[headers], body] = await Promise.all([once(stream, 'response'), text(stream)])
      const { ':status': status, date, ...rest } = headers
      assert.deepEqual([status, Object.fromEntries(Object.entries(rest))], [401, refusal])
      assert.equal(body, 'Unauthorized')
      assert.match(date, /GMT$/)
    } finally {
      session.close()
      await app.close()
    }
  })
})

describe('a path', () => {
  test('a function comes before an asset; what is not there, or private, is 404', async () => {
    assert.equal((await ask('/both')).body, 'function')
    for (const path of ['/nowhere', '/hidden', '/secret.txt', '/BASIC', '/basic/', '/%zz']) {
      const { status, headers, body } = await ask(path)
      assert.deepEqual(
        [status, body, headers],
        [
          404,
          'Could not find requested resource',
          { 'content-type': 'text/plain; charset=utf8', 'content-length': '33', 'x-shenanigans': 'none' },
        ],
      )
    }
  })

  test('is what was deployed, whole, also where the API has its own', async () => {
    assert.equal((await ask('/2010-04-01/x.json')).body, 'whole path')
    assert.equal((await ask('/healthz')).status, 404)
  })

  test('/ is the page of that name', async () => {
    const { status, headers, body } = await ask('/')
    assert.deepEqual([status, headers['content-type'], body], [200, 'text/html', '<h1>Home</h1>'])
    const page = { kind: 'Assets', path: '/index.html', content: 'Index' } as const
    const { label } = await deploy(server, [page])
    assert.equal((await ask('/', { host: `${label}.twil.io` })).body, 'Index')
  })

  test("of a domain that is nobody's is 404, and so is one where nothing is deployed", async () => {
    assert.equal((await ask('/basic', { host: 'nobody-1234.twil.io' })).status, 404)
    const { label, environment } = await deploy(server, [{ path: '/a', content: saying('a') }])
    const host = `${label}.localhost`
    assert.equal((await ask('/a', { host })).body, 'a')
    await server.post(`${environment}/Deployments`)
    assert.equal((await ask('/a', { host })).status, 404)
  })

  test('answers by what is deployed now', async () => {
    const place = await deploy(server, [{ path: '/a', content: saying('first') }])
    const host = `${place.label}.twil.io`
    assert.equal((await ask('/a', { host })).body, 'first')
    await redeploy(server, place, [{ path: '/a', content: saying('second') }])
    assert.equal((await ask('/a', { host })).body, 'second')
  })

  test('of an account that is suspended is 403', async () => {
    const { ctx } = server
    const setStatus = async (status: string) => {
      await ctx.storage.system.write(
        (tx) =>
          tx.run`update account set status = ${status}, revision = revision + 1 where sid = ${server.accountSid}`,
      )
      ctx.known.forgetAccount(server.accountSid)
    }
    await setStatus('suspended')
    try {
      assert.equal((await ask('/basic')).status, 403)
    } finally {
      await setStatus('active')
    }
  })
})

describe('hosts', () => {
  test('of Twilio and of this machine, with the address that was used', async () => {
    const { port } = new URL(origin)
    for (const [host, domain] of [
      [`${main.label}.twil.io`, `${main.label}.twil.io`],
      [`${main.label}.twil.io:443`, `${main.label}.twil.io`],
      [`${main.label.toUpperCase()}.Localhost:${port}`, `${main.label.toUpperCase()}.Localhost:${port}`],
    ] as const)
      assert.equal(JSON.parse((await ask('/echo', { host })).body).DOMAIN_NAME, domain)
  })

  test("of the API stay the API's", async () => {
    for (const host of [
      'localhost',
      '127.0.0.1',
      'api.twilio.com',
      'twil.io',
      'a.b.twil.io',
      'x.example.com',
    ])
      assert.match((await ask('/basic', { host })).headers['content-type'] ?? '', /json/, host)
  })
})

describe('a request', () => {
  test('comes with its parameters, headers and cookies, and the credentials of its account', async () => {
    const { body } = await askForm(
      '/echo?a=1&b=2',
      { b: '3', c: ['4', '5'] },
      {
        headers: { 'x-twice': ['6', '7'], cookie: 'd=8; e=a%20b' },
      },
    )
    assert.deepEqual(JSON.parse(body), {
      parameters: { a: '1', b: '3', c: ['4', '5'] },
      cookies: { d: '8', e: 'a b' },
      twice: ['6', '7'],
      PATH: '/echo',
      DOMAIN_NAME: `${main.label}.twil.io`,
      ACCOUNT_SID: server.accountSid,
      AUTH_TOKEN: server.authToken,
    })
  })

  test('without credentials where the service does not include them', async () => {
    const { label } = await deploy(server, [{ path: '/echo', content: ECHO }], {
      IncludeCredentials: 'false',
    })
    const { ACCOUNT_SID, AUTH_TOKEN } = JSON.parse((await ask('/echo', { host: `${label}.twil.io` })).body)
    assert.deepEqual([ACCOUNT_SID, AUTH_TOKEN], [undefined, undefined])
  })

  test('of OPTIONS is answered for the function, protected ones as well', async () => {
    for (const path of ['/answers', '/sms-reply', '/letters.txt']) {
      const { status, headers, body } = await ask(path, { method: 'OPTIONS' })
      assert.deepEqual(
        [status, headers, body],
        [
          204,
          {
            'access-control-allow-origin': '*',
            'access-control-allow-headers': '*',
            'access-control-allow-methods': 'GET, POST, OPTIONS',
            'access-control-expose-headers': 'ETag',
            'access-control-max-age': '86400',
            'access-control-allow-credentials': 'true',
            'content-type': 'text/plain; charset=UTF-8',
            'content-length': '0',
            'x-shenanigans': 'none',
          },
          '',
        ],
      )
    }
    assert.equal((await ask('/nowhere', { method: 'OPTIONS' })).status, 404)
  })

  test('of HEAD runs the function, and drops what it says', async () => {
    const { status, headers, body } = await ask('/both', { method: 'HEAD' })
    assert.deepEqual([status, headers['content-length'], body], [200, '8', ''])
  })

  test('may have 6 MB, and no more', async () => {
    const fits = Buffer.alloc(6 * 1024 * 1024, 'a')
    assert.equal((await ask('/both', { method: 'POST', body: fits })).status, 200)
    const headers = { 'transfer-encoding': 'chunked' }
    const body = Buffer.concat([fits, Buffer.from('a')])
    const { status, body: says } = await ask('/both', { method: 'POST', headers, body })
    assert.deepEqual([status, says], [413, 'Request Entity Too Large'])
    const told = { 'content-length': String(body.length) }
    const request = requestHttp(`${origin}/both`, {
      method: 'POST',
      agent: false,
      headers: { host: `${main.label}.twil.io`, ...told },
    })
    request.on('error', () => {}).flushHeaders()
    const [response] = await once(request, 'response')
    assert.deepEqual([response.statusCode, response.headers.connection], [413, 'close'])
    request.destroy()
  })

  test('may have 90 headers of 15 KB, and no more', async () => {
    const many = Object.fromEntries(Array.from({ length: 95 }, (_, i) => [`x-${i}`, '1']))
    for (const headers of [many, { 'x-long': 'a'.repeat(15_360) }]) {
      const { status, body } = await ask('/both', { headers })
      assert.deepEqual([status, body], [431, 'Request headers or cookies too long'])
    }
  })

  test('that a client gives up leaves nothing behind', async () => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    socket.write(`POST /both HTTP/1.1\r\nHost: ${main.label}.twil.io\r\nContent-Length: 99\r\n\r\nhalf`)
    await once(socket, 'connect')
    socket.destroy()
    assert.equal((await ask('/both')).status, 200)
    assert.deepEqual(
      server.logged.filter((line) => line.includes('request failed')),
      [],
    )
  })
})

describe('what is protected', () => {
  const url = () => `https://${main.label}.twil.io/sms-reply`

  test('is refused without a valid signature', async () => {
    for (const signature of [undefined, '', 'nonsense', sign(url(), 'f'.repeat(32))]) {
      const headers = signature === undefined ? {} : { 'x-twilio-signature': signature }
      const { status, headers: got, body } = await ask('/sms-reply', { headers })
      assert.deepEqual([status, body], [403, 'Forbidden'])
      assert.deepEqual(Object.keys(got).sort(), ['content-length', 'content-type', 'x-shenanigans'])
    }
    assert.equal((await ask('/inner.txt')).status, 403)
  })

  test('is reached with one over the address and the form', async () => {
    const form = { From: '+15551230000', Body: 'hi' }
    const signature = sign(`${url()}?a=1BodyhiFrom+15551230000`)
    const headers = { 'x-twilio-signature': signature }
    const { status, body } = await askForm('/sms-reply?a=1', form, { headers })
    assert.deepEqual([status, JSON.parse(body).parameters], [200, { a: '1', ...form }])
    assert.equal((await askForm('/sms-reply?a=2', form, { headers })).status, 403)
    assert.equal((await askForm('/sms-reply?a=1', { ...form, Body: 'ho' }, { headers })).status, 403)
    const inner = { 'x-twilio-signature': sign(`https://${main.label}.twil.io/inner.txt`) }
    assert.equal((await ask('/inner.txt', { headers: inner })).body, 'inner')
  })

  test('is refused under a host that is none', async () => {
    const host = `${main.label}.localhost:99999`
    assert.equal((await askForm('/sms-reply', { a: '1' }, { host })).status, 403)
  })

  test('by the secondary token as well, while there is one', async () => {
    const { body } = await server.post('/v1/AuthTokens/Secondary')
    const headers = { 'x-twilio-signature': sign(url(), body.secondary_auth_token) }
    assert.equal((await ask('/sms-reply', { headers })).status, 200)
    await server.del('/v1/AuthTokens/Secondary')
    assert.equal((await ask('/sms-reply', { headers })).status, 403)
  })

  test('over the address that was used: scheme, port and all', async () => {
    const { port } = new URL(origin)
    const host = `${main.label}.localhost:${port}`
    const headers = { 'x-twilio-signature': sign(`http://${host}/sms-reply`) }
    assert.equal((await ask('/sms-reply', { headers, host })).status, 200)
    const other = { 'x-twilio-signature': sign(`https://${host}/sms-reply`) }
    assert.equal((await ask('/sms-reply', { headers: other, host })).status, 403)
  })

  test('JSON by the hash of its body in the address', async () => {
    const body = '{"a":1}'
    const query = `?bodySHA256=${createHash('sha256').update(body).digest('hex')}`
    const headers = { 'content-type': 'application/json', 'x-twilio-signature': sign(url() + query) }
    const post = (path: string, more: Asked) => ask(path, { method: 'POST', headers, ...more })
    assert.equal((await post(`/sms-reply${query}`, { body })).status, 200)
    assert.equal((await post(`/sms-reply${query}`, { body: '{"a":2}' })).status, 403)
    const bare = { ...headers, 'x-twilio-signature': sign(url()) }
    assert.equal((await post('/sms-reply', { body, headers: bare })).status, 403)
  })
})

describe('an answer', () => {
  test('has what the function gave it, but for what belongs to the connection', async () => {
    const headers = [
      ['X-Twice', ['a', 'b']],
      ['Connection', 'close'],
      ['Content-Length', '5'],
      ['X-Shenanigans', 'some'],
      ['Location', '/elsewhere'],
    ]
    const query = `status=302&length=3&headers=${encodeURIComponent(JSON.stringify(headers))}`
    const { status, headers: got, body } = await ask(`/answers?${query}`)
    assert.deepEqual(
      [status, got['x-twice'], got.location, got['content-length'], body],
      [302, 'a, b', '/elsewhere', '3', 'xxx'],
    )
    assert.match(got['x-shenanigans'] as string, /none$/)
  })

  test('without a body has no length', async () => {
    for (const status of [204, 304]) {
      const { headers, body } = await ask(`/answers?status=${status}`)
      assert.deepEqual([headers['content-length'], body], [undefined, ''], `${status}`)
    }
  })

  test('of a function that throws, exits or says too much is an error, and an alert', async () => {
    assert.equal((await ask('/throws')).status, 500)
    const dead = await ask('/dies')
    assert.deepEqual([dead.status, dead.body], [502, 'runtime application exited'])
    const headers = JSON.stringify([['X-Long', 'a'.repeat(16_000)]])
    const long = await ask(`/answers?headers=${encodeURIComponent('[]')}&length=${7 * 1024 * 1024}`)
    assert.equal(long.status, 502)
    const broken = await askForm('/answers', { headers })
    assert.deepEqual([broken.status, broken.body], [431, 'Response headers or cookies too long'])
    await ask('/logs')
    await server.ctx.alerts.flush({ all: true })
    const { body } = await server.get('/v1/Alerts?PageSize=100')
    const raised = body.alerts.map((one: { error_code: string }) => one.error_code)
    for (const code of ['82002', '82004', '82005', '82008']) assert.ok(raised.includes(code), code)
  })

  test('is 503 on a server that may not run functions; assets are there', async () => {
    const { functions } = server.ctx
    const { wall } = functions
    functions.wall = async () => ({ ...NO_WALL, refusal: 'no wall' })
    try {
      assert.deepEqual([(await ask('/both')).status, (await ask('/letters.txt')).status], [503, 200])
    } finally {
      functions.wall = wall
    }
  })

  test('of one whose context is too large is an error', async () => {
    const { label, environment } = await deploy(server, [{ path: '/a', content: saying('a') }])
    const add = (n: number) =>
      server.post(`${environment}/Variables`, { Key: `KEY_${n}`, Value: 'v'.repeat(440) })
    for (let n = 0; n < 5; n++) await add(n)
    const host = `${label}.twil.io`
    assert.equal((await ask('/a', { host })).status, 200)
    for (let n = 5; n < 8; n++) await add(n)
    assert.equal((await ask('/a', { host })).status, 500)
    await server.ctx.alerts.flush()
    const { body } = await server.get('/v1/Alerts?PageSize=100')
    assert.ok(body.alerts.some((one: { error_code: string }) => one.error_code === '82006'))
  })

  test('is logged with the sids, and without what the address says', async () => {
    server.logged.length = 0
    await ask('/both?secret=hunter2')
    const line = server.logged.find((one) => one.includes('"request"')) ?? ''
    const { account_sid, environment_sid, function_sid, status } = JSON.parse(line)
    assert.deepEqual([account_sid, status], [server.accountSid, 200])
    assert.match(`${environment_sid} ${function_sid}`, /^ZE[0-9a-f]{32} ZH[0-9a-f]{32}$/)
    assert.doesNotMatch(server.logged.join(), /hunter2/)
  })
})

describe('an asset', () => {
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    ask('/letters.txt', { method, headers })

  test('is answered whole, and may be asked whether it has changed', async () => {
    const { status, headers, body } = await get()
    const { etag, 'last-modified': modified, ...rest } = headers
    assert.deepEqual(
      [status, rest, body],
      [
        200,
        {
          'content-type': 'text/plain',
          'content-length': '10',
          'accept-ranges': 'bytes',
          'cache-control': 'public, max-age=0, must-revalidate',
          'x-shenanigans': 'none',
        },
        'abcdefghij',
      ],
    )
    assert.match(etag ?? '', /^"[0-9a-f]{32}"$/)
    assert.match(modified ?? '', /GMT$/)
    for (const condition of [
      { 'if-none-match': `${etag}` },
      { 'if-none-match': `"x", W/${etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': `${modified}` },
    ]) {
      const same = await get(condition)
      assert.deepEqual(
        [same.status, same.headers.etag, same.body],
        [304, etag, ''],
        JSON.stringify(condition),
      )
    }
    const other = await get({ 'if-none-match': '"x"', 'if-modified-since': `${modified}` })
    assert.equal(other.status, 200)
    const head = await get({}, 'HEAD')
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', ''])
  })

  test('in part, where one part is asked for', async () => {
    const { etag } = (await get()).headers
    for (const [range, status, part, says] of [
      ['bytes=0-2', 206, 'bytes 0-2/10', 'abc'],
      ['bytes=7-', 206, 'bytes 7-9/10', 'hij'],
      ['bytes=-2', 206, 'bytes 8-9/10', 'ij'],
      ['bytes=-99', 206, 'bytes 0-9/10', 'abcdefghij'],
      ['bytes=8-99', 206, 'bytes 8-9/10', 'ij'],
      ['bytes=10-', 416, 'bytes */10', 'Range Not Satisfiable'],
      ['bytes=0-1,3-4', 200, undefined, 'abcdefghij'],
      ['bytes=3-1', 200, undefined, 'abcdefghij'],
      ['bytes=-', 200, undefined, 'abcdefghij'],
      ['letters=0-1', 200, undefined, 'abcdefghij'],
    ] as const) {
      const answer = await get({ range })
      assert.deepEqual(
        [answer.status, answer.headers['content-range'], answer.body],
        [status, part, says],
        range,
      )
    }
    assert.equal((await get({ range: 'bytes=0-2', 'if-range': `${etag}` })).status, 206)
    assert.equal((await get({ range: 'bytes=0-2', 'if-range': '"x"' })).status, 200)
  })

  test('is not read where its tag or its head is enough', async (t) => {
    const { etag = '' } = (await get()).headers
    const read = t.mock.method(server.ctx.functions.assets, 'get')
    assert.equal((await get({ 'if-none-match': etag })).status, 304)
    assert.equal((await get({ range: 'bytes=0-2' }, 'HEAD')).headers['content-length'], '10')
    assert.equal((await get({ range: 'bytes=10-' })).status, 416)
    assert.equal(read.mock.callCount(), 0)
    assert.equal((await get()).status, 200)
    assert.equal(read.mock.callCount(), 1)
  })

  test('takes of what its account may hold, and gives it back', async () => {
    const holding = server.ctx.functions.held.hold(server.accountSid)
    while (holding.take(1024)) {}
    while (holding.take(1)) {}
    const busy = await get()
    assert.deepEqual([busy.status, busy.headers['retry-after']], [429, '1'])
    assert.equal((await get({}, 'HEAD')).status, 200)
    holding.release()
    assert.equal((await get()).status, 200)
    const again = server.ctx.functions.held.hold(server.accountSid)
    await until(() => again.take(MAX_HELD / 2))
    again.release()
  })

  test('that is large is read off the main thread, and sent whole', async (t) => {
    const content = randomBytes(3 * 1024 * 1024)
    const { label } = await deploy(server, [
      { kind: 'Assets', path: '/large.bin', content, contentType: 'a/b' },
    ])
    const fetchBytes = async (headers: Record<string, string>) => {
      const host = `${label}.twil.io`
      const request = requestHttp(`${origin}/large.bin`, {
        agent: false,
        headers: { host, ...headers },
      }).end()
      const [response] = await once(request, 'response')
      return buffer(response)
    }
    const scan = t.mock.method(server.ctx.storage.scan, 'get')
    assert.ok((await fetchBytes({})).equals(content))
    assert.ok((await fetchBytes({ range: 'bytes=1-' })).equals(content.subarray(1)))
    assert.equal(scan.mock.callCount(), 1)
  })

  test('only by GET and HEAD', async () => {
    const { status, headers } = await get({}, 'POST')
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD, OPTIONS'])
  })
})

describe('the form below a path of the server', () => {
  const at = (path: string, more: Asked = {}) =>
    ask(`/_functions/${main.label}${path}`, { host: 'localhost:8080', ...more })

  test('answers alike, in a sandbox, and knows nothing of the cookies of the server', async () => {
    const { body, headers } = await at('/echo?a=1', {
      headers: { cookie: 'countersign_session=s; a=1; __Host-countersign=t; b=2' },
    })
    const { cookies, parameters, DOMAIN_NAME } = JSON.parse(body)
    assert.deepEqual([cookies, parameters], [{ a: '1', b: '2' }, { a: '1' }])
    assert.equal(DOMAIN_NAME, `${main.label}.localhost:8080`)
    assert.match(`${headers['content-security-policy']}`, /^sandbox [a-z -]+$/)
    assert.doesNotMatch(`${headers['content-security-policy']}`, /same-origin/)
    assert.match(`${(await at('')).headers['content-security-policy']}`, /^sandbox/)
    assert.equal((await at('')).body, '<h1>Home</h1>')
  })

  test('lets nothing out that speaks for the whole origin', async () => {
    const given = [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'countersign_session=mine'],
      ['Clear-Site-Data', '"*"'],
      ['Service-Worker-Allowed', '/'],
      ['Content-Security-Policy', "default-src 'none'"],
    ]
    const { headers } = await at(`/answers?headers=${encodeURIComponent(JSON.stringify(given))}`)
    const names = Object.keys(headers).filter((name) => /clear|worker/.test(name))
    assert.deepEqual([names, headers['set-cookie']?.length], [[], 1])
    assert.match(`${headers['set-cookie']}`, /^a=1;/)
    assert.match(`${headers['content-security-policy']}`, /default-src 'none', sandbox /)
  })

  test('keeps its cookies below that path, and lets out none without a name', async () => {
    const given = [
      '=countersign_session=evil; Path=/',
      'countersign_session',
      'b=2; path=/; Domain=localhost; HttpOnly',
    ]
    const headers = JSON.stringify(given.map((cookie) => ['Set-Cookie', cookie]))
    const answer = await at(`/answers?headers=${encodeURIComponent(headers)}`)
    const [kept = '', ...others] = answer.headers['set-cookie'] ?? []
    assert.match(kept, new RegExp(`^b=2;HttpOnly;.*; Path=/_functions/${main.label}/$`))
    assert.doesNotMatch(kept, /path=\/;|domain/)
    assert.deepEqual(others, [])
  })

  test('under a host that is none is refused', async () => {
    assert.equal((await at('/both', { host: 'localhost:99999' })).status, 400)
  })

  test('signs over the address that was used', async () => {
    const url = `http://localhost:8080/_functions/${main.label}/sms-reply`
    assert.equal((await at('/sms-reply', { headers: { 'x-twilio-signature': sign(url) } })).status, 200)
    assert.equal((await at('/sms-reply')).status, 403)
  })

  test('is not there unless it is set, nor under a name of Twilio', async () => {
    const other = await testServer()
    try {
      const { statusCode } = await other.app.inject({ url: `/_functions/${main.label}/both` })
      assert.equal(statusCode, 401)
    } finally {
      await other.close()
    }
    assert.equal((await at('/both', { host: 'api.twilio.com' })).status, 401)
  })
})
