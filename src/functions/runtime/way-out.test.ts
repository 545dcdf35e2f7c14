/** What a function reaches, by whatever it connects with: only what the server's proxy leads to. */
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type FunctionLab, functionLab, NO_WALL } from '../../../test/support/function-lab.ts'
import { loadConfig } from '../../config.ts'
import { systemClock, systemRandom } from '../../context.ts'
import { type Egress, openEgress } from '../egress.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const SERVICE = `VA${'2'.repeat(32)}`
const TOKEN = '3'.repeat(32)

const start = (client: string) =>
  `exports.handler = async (context, event, callback) => {
    const { sid } = await ${client}.verify.v2.services('${SERVICE}').verifications.create({ to: event.to, channel: 'sms' })
    callback(null, sid)
  }`
const asking = (code: string) =>
  `exports.handler = (context, event, callback) => {
    const { get } = require(event.module)
    const done = (text) => callback(null, text)
    ${code}
  }`
const read =
  '(s) => { let all = ""; s.setEncoding("utf8").on("data", (t) => { all += t }).on("end", () => done(all)).on("error", done) }'

const SOURCES = {
  '/client': start('context.getTwilioClient()'),
  '/bare': start("require('twilio')(context.ACCOUNT_SID, context.AUTH_TOKEN)"),
  '/legacy': start('twilioClient'),
  '/no-credentials':
    'exports.handler = (context, e, callback) => { context.getTwilioClient(); callback(null, "made") }',
  '/sync': `exports.handler = (context, e, callback) => {
    const sync = Runtime.getSync()
    sync.maps('m').fetch().catch((error) => callback(null, { code: error.code, lists: typeof sync.lists }))
  }`,
  '/twiml': `exports.handler = (context, e, callback) => {
    const twiml = new Twilio.twiml.MessagingResponse(); twiml.message('Hello World'); callback(null, twiml)
  }`,
  '/library': `exports.handler = (context, e, callback) => callback(null, [
    Twilio.twiml.VoiceResponse === require('twilio').twiml.VoiceResponse, typeof Twilio.jwt.AccessToken, typeof Twilio.validateRequest, 'twiml' in Twilio, Object.keys(Twilio).includes('Response')])`,
  '/fetch': 'exports.handler = async (c, event) => (await fetch(event.url)).text()',
  '/get': asking(`get(event.url, ${read}).on('error', (error) => done(error.code))`),
  '/socket': `exports.handler = (c, event, callback) => {
    const net = require('node:net'); const request = 'GET /raw HTTP/1.1\\r\\nHost: api.twilio.com\\r\\nConnection: close\\r\\n\\r\\n'
    const read = (s) => new Promise((done) => { let all = ''; s.on('data', (t) => { all += t }).on('end', () => done(all)).on('error', (error) => done(error.code)).end(request) })
    Promise.all([read(net.connect(80, 'api.twilio.com')), read(net.connect({ port: 80, host: 'api.twilio.com' })),
      read(new net.Socket().connect(80, 'api.twilio.com'))]).then((all) => callback(null, all.map((t) => /local/.test(t))))
  }`,
  '/emptied': `exports.handler = async (c, event, callback) => {
    const fs = require('node:fs'), folder = require('node:os').tmpdir()
    const ask = () => fetch('https://api.twilio.com/x', { headers: { connection: 'close' } }).then((r) => r.text())
    const before = await ask()
    for (const name of fs.readdirSync(folder)) fs.rmSync(folder + '/' + name)
    callback(null, [before, await ask()])
  }`,
  '/datagram': `exports.handler = (c, e, callback) => {
    const socket = require('node:dgram').createSocket('udp4')
    socket.on('error', () => {}).send('x', 53, '192.0.2.1', (error) => callback(null, error ? 'refused' : 'sent'))
  }`,
}

let egress: Egress
let lab: FunctionLab
const asked: string[] = []

function answer(request: IncomingMessage, response: ServerResponse): void {
  const scheme = (request.socket as TLSSocket).encrypted ? 'https' : 'http'
  void text(request).then((body) => {
    asked.push(`${request.method} ${scheme}://${request.headers.host}${request.url} ${body}`)
    const isSync = request.headers.host?.startsWith('sync.')
    response.writeHead(isSync ? 404 : request.method === 'POST' ? 201 : 200, {
      'content-type': 'application/json',
    })
    response.end(
      JSON.stringify(isSync ? { code: 20404, status: 404, message: 'no' } : { sid: 'VE1', says: 'local' }),
    )
  })
}

before(async () => {
  const config = await loadConfig({ COUNTERSIGN_FUNCTIONS_EGRESS: 'none' }, ROOT, () =>
    Promise.reject({ code: 'ENOENT' }),
  )
  egress = openEgress({ config, clock: systemClock, random: systemRandom })
  egress.answerBy(answer)
  lab = await functionLab(SOURCES, { egress, modules: ROOT })
})
after(async () => {
  await lab.close()
  egress.close()
})

for (const path of ['/client', '/bare', '/legacy']) {
  test(`the official library talks to this server: ${path}`, async () => {
    asked.length = 0
    const { text: said } = await lab.call(path, { form: 'to=%2B15551230000', authToken: TOKEN })
    assert.equal(said, 'VE1')
    assert.deepEqual(asked, [
      `POST https://verify.twilio.com/v2/Services/${SERVICE}/Verifications To=%2B15551230000&Channel=sms`,
    ])
  })
}

test('without credentials there is no client, and the error says so', async () => {
  const { status, text: said } = await lab.call('/no-credentials')
  assert.equal(status, 500)
  assert.match(JSON.parse(said).message, /needs ACCOUNT_SID and AUTH_TOKEN/)
})

test('Runtime.getSync() exists, and its calls are answered by this server: 404', async () => {
  const { text: said } = await lab.call('/sync', { authToken: TOKEN })
  assert.deepEqual(JSON.parse(said), { code: 20404, lists: 'function' })
})

test('TwiML of the library is sent as XML; the global is the library and the Response', async () => {
  const twiml = await lab.call('/twiml')
  assert.equal(twiml.header('content-type'), 'text/xml; charset=utf8')
  assert.equal(
    twiml.text,
    '<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello World</Message></Response>',
  )
  assert.deepEqual(JSON.parse((await lab.call('/library')).text), [true, 'function', 'function', true, true])
})

test('fetch, node:https, node:http and plain sockets go the same way', async () => {
  const local = '{"sid":"VE1","says":"local"}'
  assert.equal((await lab.call('/fetch', { json: { url: 'https://api.twilio.com/x' } })).text, local)
  const secure = { module: 'node:https', url: 'https://api.twilio.com/x' }
  assert.equal((await lab.call('/get', { json: secure })).text, local)
  const plain = { module: 'node:http', url: 'http://api.twilio.com/x' }
  assert.equal((await lab.call('/get', { json: plain })).text, local)
  assert.deepEqual(JSON.parse((await lab.call('/socket')).text), [true, true, true])
})

test('so does the first of them that a process uses, whichever it is', async () => {
  const load = (how: string) =>
    `exports.handler = async (c, e, callback) => {
      const { get } = ${how}
      get('https://api.twilio.com/x', (s) => s.resume().on('end', () => callback(null, 'read')))
    }`
  const firsts = {
    '/require': load("require('https')"),
    '/import': load("await import('node:https')"),
    '/builtin': load("process.getBuiltinModule('https')"),
    '/fetch': `exports.handler = async () => (await fetch('https://api.twilio.com/x')).ok && 'read'`,
  }
  for (const [path, source] of Object.entries(firsts)) {
    const fresh = await functionLab({ [path]: source }, { egress })
    assert.equal((await fresh.call(path)).text, 'read', path)
    await fresh.close()
  }
})

test('a function that empties its folder is not cut off', async () => {
  const local = '{"sid":"VE1","says":"local"}'
  assert.deepEqual(JSON.parse((await lab.call('/emptied')).text), [local, local])
})

test('what the proxy refuses is a connection that ends, and a line in the log', async () => {
  const elsewhere = { module: 'node:https', url: 'https://example.com/' }
  assert.equal((await lab.call('/get', { json: elsewhere })).text, 'ECONNRESET')
  const line = 'warn No connection to example.com:443: functions_egress does not allow example.com'
  assert.ok(lab.logged.includes(line), lab.logged.join('\n'))
})

test('datagrams go nowhere, with a wall or without', async () => {
  assert.equal((await lab.call('/datagram')).text, 'refused')
  const open = await functionLab(SOURCES, { wall: NO_WALL })
  assert.equal((await open.call('/datagram')).text, 'refused')
  await open.close()
})
