/** What a function gets, and what the caller gets for what it gives: reference §D. */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { after, before, test } from 'node:test'
import { type FunctionLab, functionLab } from '../../../test/support/function-lab.ts'

const echo = (expression: string) =>
  `exports.handler = (context, event, callback) => callback(null, ${expression})`
const answer = (call: string) => `exports.handler = (context, event, callback) => callback(${call})`
const response = (build: string) =>
  `exports.handler = (context, event, callback) => {
    const response = new Twilio.Response()
    ${build}
    callback(null, response)
  }`

const SOURCES = {
  '/basic': `exports.handler = function (context, event, callback) {
    const response = new Twilio.Response()
    const header = event.request.headers.authorization
    const [scheme, credentials = ''] = (header || '').split(' ')
    if (scheme.toLowerCase() !== 'basic' || Buffer.from(credentials, 'base64').toString() !== 'twilio:ahoy!') {
      response.setBody('Unauthorized').setStatusCode(401)
      response.appendHeader('WWW-Authenticate', 'Basic realm="Authentication Required"')
      return callback(null, response)
    }
    return callback(null, 'OK')
  }`,
  '/event': echo('event'),
  '/context': echo(
    'Object.fromEntries(Object.entries(context).map(([k, v]) => [k, typeof v === "function" ? "()" : v]))',
  ),
  '/environment': echo('{ ...process.env }'),
  '/nested/deep': echo('"deep"'),
  '/json': answer('null, { a: [1, true] }'),
  '/boolean': answer('null, true'),
  '/number': answer('null, 42'),
  '/nothing': answer(''),
  '/empty': answer('null, ""'),
  '/circular': 'exports.handler = (c, e, callback) => { const a = {}; a.a = a; callback(null, a) }',
  '/twice':
    'exports.handler = (c, e, callback) => { callback(null, "first"); callback(null, "second"); throw Error("third") }',
  '/answered-then-thrown':
    'exports.handler = async (c, e, callback) => { Promise.reject(new Error("x")); callback(null, "answered") }',
  '/async-value': 'exports.handler = async () => ({ from: "async" })',
  '/async-callback': 'exports.handler = async (c, e, callback) => { await null; callback(null, "called") }',
  '/error': 'exports.handler = (c, e, callback) => callback(new RangeError("boom"))',
  '/error-text': answer('"boom"'),
  '/error-object': answer('{ status: 418, message: "x" }'),
  '/error-response': answer('new Twilio.Response({ statusCode: 401 })'),
  '/throw': 'exports.handler = () => { throw new TypeError("thrown") }',
  '/throw-nothing': 'exports.handler = () => { throw undefined }',
  '/reject': 'exports.handler = async () => { throw new Error("rejected") }',
  '/syntax': 'exports.handler = (context => {',
  '/at-load': 'throw new Error("at load")',
  '/no-module': "require('./there')",
  '/no-handler': 'exports.handle = () => {}',
  '/rejected-elsewhere': 'exports.handler = () => { Promise.reject(new Error("nobody caught it")) }',
  '/response': response('response.setBody("text").setStatusCode(202).appendHeader("X-Multi", ["1", "2"])'),
  '/response-object': response('response.setBody({ a: 1 })'),
  '/response-bytes': response('response.setBody(Buffer.from([0, 255, 10]))'),
  '/response-typed': response('response.setBody("<p>").appendHeader("Content-Type", "text/html")'),
  '/response-204': response('response.setStatusCode(204)'),
  '/redirect': response('response.setStatusCode(302).appendHeader("Location", "/event")'),
  '/cookies': response(
    'response.setCookie("a", "1", ["Path=/", "Domain=evil.example"]).setCookie("b", "2", ["Secure", "HttpOnly"]).setCookie("c", "3").removeCookie("c")',
  ),
  '/cookie-long': response('response.setCookie("a", "1", ["Max-Age=86401"])'),
  '/cookie-expires': response('response.setCookie("a", "1", ["Expires=Fri, 01 Jan 2100 00:00:00 GMT"])'),
  '/cookie-day': response(
    'response.setCookie("a", "1", ["Expires=Fri, 01 Jan 2100 00:00:00 GMT", "Max-Age=86400"])',
  ),
  '/own-headers': response(
    'response.setHeaders({ Connection: "close", "Content-Length": 1, "X-Forwarded-For": "1.1.1.1", "Transfer-Encoding": "chunked", "X-Shenanigans": "some", "X-Mine": 7 })',
  ),
  '/many-headers': response('for (let i = 0; i < 91; i++) response.appendHeader("X-" + i, "1")'),
  '/split-header': response('response.appendHeader("X-A", "1\\r\\nX-B: 2")'),
  '/bad-status': response('response.setStatusCode(99)'),
  '/log-error': `exports.handler = (c, e, callback) => {
    console.error(Object.assign(new Error('told'), { status: 404 }))
    callback(null, 'said')
  }`,
  '/log': `exports.handler = (c, e, callback) => {
    console.log('%s is %d', 'it', 1, { a: 1 }); console.warn('careful'); console.error(new Error('bad').message)
    console.debug('d'); console.info('i'); console.table([{ x: 1 }])
    process.stdout.write('raw\\n', () => callback(null, 'ok'))
  }`,
  '/runtime': echo(`{
    functions: Object.keys(Runtime.getFunctions()), assets: Object.keys(Runtime.getAssets()),
    text: Runtime.getAssets()['/data.json'].open(), module: require(Runtime.getAssets()['/lib.js'].path).twice(21),
    other: typeof require(Runtime.getFunctions()['nested/deep'].path).handler, legacy: Object.keys(Functions).length,
    response: Response === Twilio.Response }`),
  '/temporary': `const { readFileSync, writeFileSync } = require('node:fs'); const { join } = require('node:path')
    exports.handler = (c, e, callback) => {
      const file = join(require('node:os').tmpdir(), 'x'); writeFileSync(file, 'kept'); callback(null, readFileSync(file, 'utf8'))
    }`,
  '/counter': 'let count = 0; exports.handler = (c, e, callback) => callback(null, String(++count))',
}

let lab: FunctionLab
before(async () => {
  lab = await functionLab(SOURCES, {
    variables: { GREETING: 'hello', NODE_OPTIONS: '--no-such-option', USERNAME: 'admin' },
    assets: { '/data.json': '{"a":1}', '/lib.js': 'exports.twice = (n) => 2 * n' },
  })
})
after(() => lab.close())

test('the page about Basic authentication: 401 and 200 with its headers and bytes', async () => {
  const refused = await lab.call('/basic')
  assert.deepEqual(
    [refused.status, refused.text, refused.headers],
    [
      401,
      'Unauthorized',
      [
        ['WWW-Authenticate', 'Basic realm="Authentication Required"'],
        ['content-type', 'application/octet-stream'],
      ],
    ],
  )
  const admitted = await lab.call('/basic', { headers: { authorization: 'Basic dHdpbGlvOmFob3kh' } })
  assert.deepEqual(
    [admitted.status, admitted.text, admitted.headers],
    [
      200,
      'OK',
      [
        ['content-type', 'text/plain; charset=utf8'],
        ['x-content-type-options', 'nosniff'],
        ['x-xss-protection', '1; mode=block'],
      ],
    ],
  )
})

test('the event is what was asked: the body before the query, headers and cookies under `request`', async () => {
  const { text } = await lab.call('/event', {
    query: 'a=1&b=1&b=2&c[x]=1',
    form: 'a=2&n%5Bx%5D=5&d=1&d=2',
    headers: {
      cookie: 't=a%20b; u="q"; t=later',
      'x-twice': ['1', '2'],
      'user-agent': 'me',
      authorization: 'Basic eDp5',
      'x-twilio-signature': 'sig',
      host: 'lab',
      via: '1.1 proxy',
      'x-forwarded-for': '10.0.0.1',
      'x-amzn-trace-id': '1',
    },
  })
  const event = JSON.parse(text)
  assert.deepEqual(event, {
    request: {
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        cookie: 't=a%20b; u="q"; t=later',
        'x-twice': ['1', '2'],
        'user-agent': 'me',
        authorization: 'Basic eDp5',
        'x-twilio-signature': 'sig',
      },
      cookies: { t: 'a b', u: 'q' },
    },
    a: '2',
    b: ['1', '2'],
    c: { x: '1' },
    'n[x]': '5',
    d: ['1', '2'],
  })
})

test('a JSON body is spread, a list too; a parameter may take the place of `request`; other bodies are ignored', async () => {
  const eventOf = async (call: object) => JSON.parse((await lab.call('/event', call)).text)
  const withType = { request: { headers: { 'content-type': 'application/json' }, cookies: {} } }
  assert.deepEqual(await eventOf({ json: { a: { b: 1 } } }), { ...withType, a: { b: 1 } })
  assert.deepEqual(await eventOf({ json: ['x', 'y'] }), { ...withType, 0: 'x', 1: 'y' })
  assert.deepEqual(await eventOf({ query: 'request=mine' }), { request: 'mine' })
  const { request, ...rest } = await eventOf({
    form: 'a=1',
    headers: { 'content-type': 'text/plain' },
    query: 'q=1',
  })
  assert.deepEqual(rest, { q: '1' })
  assert.equal(request.headers['content-type'], 'text/plain')
})

test('a body that is not the JSON it says it is: 400', async () => {
  for (const form of ['{', '7', 'null']) {
    const { status, text } = await lab.call('/event', {
      form,
      headers: { 'content-type': 'application/json' },
    })
    assert.deepEqual([status, text], [400, 'The body is not valid JSON'])
  }
})

test('the context names the place and the variables, and credentials only where they are included', async () => {
  const without = JSON.parse((await lab.call('/context')).text)
  const place = {
    PATH: '/context',
    DOMAIN_NAME: 'lab-1234-dev.localhost:8080',
    SERVICE_SID: 'ZS1',
    ENVIRONMENT_SID: 'ZE1',
  }
  const variables = { GREETING: 'hello', NODE_OPTIONS: '--no-such-option', USERNAME: 'admin' }
  assert.deepEqual(without, { ...place, ...variables, getTwilioClient: '()' })
  const withThem = JSON.parse((await lab.call('/context', { authToken: 'token' })).text)
  const credentials = { ACCOUNT_SID: lab.deployed.accountSid, AUTH_TOKEN: 'token' }
  assert.deepEqual(
    Object.entries(withThem),
    Object.entries({ ...place, ...credentials, ...variables, getTwilioClient: '()' }),
  )
})

test('process.env holds the variables, and nothing of the server', async () => {
  const { TMPDIR, HOME, ...rest } = JSON.parse((await lab.call('/environment', { authToken: 'token' })).text)
  assert.equal(TMPDIR, HOME)
  assert.ok(TMPDIR.startsWith(lab.scratch))
  assert.deepEqual(rest, {
    ACCOUNT_SID: lab.deployed.accountSid,
    AUTH_TOKEN: 'token',
    GREETING: 'hello',
    NODE_OPTIONS: '--no-such-option',
    USERNAME: 'admin',
  })
})

test('what a handler calls back with becomes text, JSON or nothing', async () => {
  for (const [path, status, type, text] of [
    ['/nested/deep', 200, 'text/plain; charset=utf8', 'deep'],
    ['/json', 200, 'application/json', '{"a":[1,true]}'],
    ['/boolean', 200, 'application/json', 'true'],
    ['/number', 200, 'application/json', '42'],
    ['/nothing', 200, 'application/json', ''],
    ['/empty', 200, 'text/plain; charset=utf8', ''],
    ['/answered-then-thrown', 200, 'text/plain; charset=utf8', 'answered'],
    ['/twice', 200, 'text/plain; charset=utf8', 'first'],
    ['/async-value', 200, 'application/json', '{"from":"async"}'],
    ['/async-callback', 200, 'text/plain; charset=utf8', 'called'],
    ['/error-text', 500, 'text/plain; charset=utf8', 'boom'],
  ] as const) {
    const got = await lab.call(path)
    assert.deepEqual([path, got.status, got.header('content-type'), got.text], [path, status, type, text])
  }
})

test('an error, however it comes, is 500 and says what it was, without the folders of the machine', async () => {
  for (const [path, name, message] of [
    ['/error', 'RangeError', 'boom'],
    ['/error-object', 'Error', 'x'],
    ['/error-response', 'Error', ''],
    ['/throw', 'TypeError', 'thrown'],
    ['/no-module', 'Error', "Cannot find module './there'\nRequire stack:\n- /functions/no-module.js"],
    ['/reject', 'Error', 'rejected'],
    ['/at-load', 'Error', 'at load'],
    ['/rejected-elsewhere', 'Error', 'nobody caught it'],
    ['/no-handler', 'Error', 'Could not find a "handler" function in file /no-handler.js'],
  ] as const) {
    const got = await lab.call(path)
    const body = JSON.parse(got.text)
    assert.deepEqual([path, got.status, body.name, body.message], [path, 500, name, message])
    assert.deepEqual(Object.keys(body), ['message', 'name', 'stack'])
    assert.ok(!got.text.includes(dirname(lab.scratch)) && !got.text.includes('(node:'), got.text)
  }
  assert.equal(JSON.parse((await lab.call('/syntax')).text).name, 'SyntaxError')
  assert.equal((await lab.call('/circular')).status, 500)
  assert.equal((await lab.call('/throw-nothing')).status, 500)
  assert.match(
    JSON.parse((await lab.call('/error')).text).stack,
    /at exports\.handler \(\/functions\/error\.js:1:/,
  )
  assert.ok(lab.logged.some((line) => line.startsWith('error RangeError: boom')))
})

test('Twilio.Response: its status, headers and body as they were set', async () => {
  const made = await lab.call('/response')
  assert.deepEqual(
    [made.status, made.headers, made.text],
    [
      202,
      [
        ['X-Multi', '1'],
        ['X-Multi', '2'],
        ['content-type', 'application/octet-stream'],
      ],
      'text',
    ],
  )
  const object = await lab.call('/response-object')
  assert.deepEqual([object.header('content-type'), object.text], ['application/json', '{"a":1}'])
  const bytes = await lab.call('/response-bytes')
  assert.deepEqual([...bytes.bytes], [0, 255, 10])
  assert.equal((await lab.call('/response-typed')).header('content-type'), 'text/html')
  const empty = await lab.call('/response-204')
  assert.deepEqual([empty.status, empty.headers, empty.text], [204, [], ''])
  const redirect = await lab.call('/redirect')
  assert.deepEqual([redirect.status, redirect.header('location')], [302, '/event'])
})

test('cookies are for this domain only, not for scripts, over TLS, and for a day at most', async () => {
  const made = await lab.call('/cookies')
  assert.deepEqual(
    made.headers.map(([, value]) => value),
    [
      'a=1;Path=/;Domain=lab-1234-dev.localhost;HttpOnly;Secure',
      'b=2;Secure;HttpOnly',
      'c=;Max-Age=0;HttpOnly;Secure',
    ],
  )
  for (const path of ['/cookie-long', '/cookie-expires']) {
    const { status, text } = await lab.call(path)
    assert.deepEqual([status, text], [400, 'Cookies max-age cannot be greater than a day'])
  }
  assert.equal((await lab.call('/cookie-day')).status, 200)
})

test('what belongs to the connection is dropped; what cannot be sent is not sent', async () => {
  const own = await lab.call('/own-headers')
  assert.deepEqual(own.headers, [['X-Mine', '7']])
  const many = await lab.call('/many-headers')
  assert.deepEqual([many.status, many.text], [431, 'Response headers or cookies too long'])
  for (const path of ['/split-header', '/bad-status']) assert.equal((await lab.call(path)).outcome, 'broken')
})

test('console goes to the log, by level; so does what is written past it', async () => {
  lab.logged.length = 0
  await lab.call('/log')
  // What is written past the console has a way of its own.
  await lab.call('/event')
  const lines = lab.logged.filter((line) => line !== 'info raw')
  assert.deepEqual(lines.slice(0, 5), [
    'info it is 1 { a: 1 }',
    'warn careful',
    'error bad',
    'info d',
    'info i',
  ])
  assert.match(lines[5] ?? '', /^info ┌/)
})

test('an error on the console shows its own place, and nothing of the machine', async () => {
  lab.logged.length = 0
  await lab.call('/log-error')
  assert.deepEqual(lab.logged, [
    'error Error: told\n    at exports.handler (/functions/log-error.js:2:33) {\n  status: 404\n}',
  ])
})

test('Runtime tells of functions and of private assets, which are modules and texts', async () => {
  assert.deepEqual(JSON.parse((await lab.call('/runtime')).text), {
    functions: Object.keys(SOURCES).map((path) => path.slice(1)),
    assets: ['/data.json', '/lib.js'],
    text: '{"a":1}',
    module: 42,
    other: 'function',
    legacy: Object.keys(SOURCES).length,
    response: true,
  })
})

test('a temporary folder can be written; what a module keeps outlives an invocation', async () => {
  assert.equal((await lab.call('/temporary')).text, 'kept')
  assert.deepEqual([(await lab.call('/counter')).text, (await lab.call('/counter')).text], ['1', '2'])
})

test('a changed variable counts from the next invocation on', async () => {
  assert.equal(JSON.parse((await lab.call('/context')).text).GREETING, 'hello')
  const deployed = await lab.deploy({ revision: 2, variables: { GREETING: 'changed' } })
  assert.equal(JSON.parse((await lab.call('/context', { deployed })).text).GREETING, 'changed')
  assert.equal(JSON.parse((await lab.call('/context')).text).GREETING, 'changed', 'read before, run after')
})
