import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { freshNumber } from '../../support/server.ts'
import { needs } from '../exec/needs.ts'
import {
  type Answer,
  type Call,
  needsToolkit,
  openWorkbench,
  TAKES_TIME,
  type Workbench,
} from './workbench.ts'

describe('programs that the toolkit deployed', needsToolkit, () => {
  let bench: Workbench
  let folder: string
  let label: string
  before(async () => {
    bench = await openWorkbench()
    const variables = { GREETING: 'hello', VERIFY_SERVICE_SID: bench.serviceSid }
    folder = await bench.copy(join(import.meta.dirname, 'programs'), variables)
    label = await bench.deploy(folder)
  }, TAKES_TIME)
  after(() => bench.close())

  const call = (target: string, how?: Call) => bench.call(label, target, how)
  const json = async (...rest: Parameters<typeof call>) => JSON.parse((await call(...rest)).text)
  /** As Twilio calls a webhook. */
  const callSigned = (path: string, form: Record<string, string>) => {
    const url = `http://${label}.localhost:${new URL(bench.url).port}${path}`
    const signature = twilio.getExpectedTwilioSignature(bench.authToken, url, form)
    return call(path, { form, headers: { 'x-twilio-signature': signature } })
  }
  const shown = ({ status, headers, text }: Answer) => [status, headers['content-type'], text]

  test('text, JSON and nothing', async () => {
    assert.deepEqual(shown(await call('/hello')), [200, 'text/plain; charset=utf8', 'Good day to you!'])
    assert.deepEqual(shown(await call('/blank')), [200, 'application/json', '{}'])
    assert.deepEqual(await json('/sums?terms=1&terms=2'), { numbers: [1, 2], total: 3 })
    assert.deepEqual(await json('/sums', { json: { terms: [3, 4] } }), { numbers: [3, 4], total: 7 })
  })

  test('TwiML, for whom the account has signed only', async () => {
    for (const path of ['/reply', '/answer']) {
      assert.deepEqual(shown(await call(path, { form: { Body: 'x' } })), [
        403,
        'text/plain; charset=utf8',
        'Forbidden',
      ])
    }
    const reply = await callSigned('/reply', { Body: 'a < b', From: '+15005550001' })
    const xml = '<?xml version="1.0" encoding="UTF-8"?><Response>'
    assert.deepEqual(shown(reply), [
      200,
      'text/xml; charset=utf8',
      `${xml}<Message>You wrote: a &lt; b</Message></Response>`,
    ])
    assert.equal(
      (await callSigned('/answer', {})).text,
      `${xml}<Say language="en-GB">Please hold the line</Say><Pause length="1"/></Response>`,
    )
  })

  test('a redirect', async () => {
    const { status, headers } = await call('/moved')
    const host = `${label}.localhost:${new URL(bench.url).port}`
    assert.deepEqual([status, headers.location], [303, `//${host}/hello`])
  })

  test('cookies', async () => {
    const cookie = async (target: string, given?: string) => {
      const { headers, text } = await call(target, given ? { headers: { cookie: given } } : {})
      return [JSON.parse(text).visits, ...(headers['set-cookie'] ?? [])]
    }
    const kept = 'Max-Age=3600;SameSite=Lax;HttpOnly;Secure'
    assert.deepEqual(await cookie('/visits'), [1, `visits=1;${kept}`])
    assert.deepEqual(await cookie('/visits', 'visits=1'), [2, `visits=2;${kept}`])
    assert.deepEqual(await cookie('/visits?forget=yes', 'visits=2'), [3, 'visits=;Max-Age=0;HttpOnly;Secure'])
  })

  test('a folder for temporary files', async () => {
    await call('/scratch-pad?line=one')
    assert.equal((await call('/scratch-pad?line=two')).text, 'one\ntwo\n')
  })

  test('private functions and assets are modules, and have no address', async () => {
    assert.equal(
      (await call('/letters/deep/shouted?text=ship ahoy'.replace(' ', '%20'))).text,
      '/letters/deep/shouted: SHIP AHOY!',
    )
    assert.deepEqual(await json('/price?of=tea'), {
      price: 2,
      assets: ['/lists/prices.js', '/lists/prices.json'],
    })
    for (const path of ['/shout', '/lists/prices.js', '/lists/prices.json'])
      assert.equal((await call(path)).status, 404, path)
  })

  test('assets: a page at the root, and a protected one', async () => {
    const page = await call('/')
    assert.deepEqual([page.status, page.headers['content-type']], [200, 'text/html'])
    assert.match(page.text, /<p>Welcome<\/p>/)
    assert.equal((await call('/', { headers: { 'if-none-match': String(page.headers.etag) } })).status, 304)
    assert.equal((await call('/voucher.txt')).status, 403)
  })

  test('variables in the context and in process.env, where nothing of the server is', async () => {
    const { keys, ...rest } = await json('/settings')
    assert.deepEqual(rest, { fromContext: 'hello', fromProcess: 'hello', hasCredentials: true })
    const known = ['ACCOUNT_SID', 'AUTH_TOKEN', 'GREETING', 'HOME', 'LANG', 'TMPDIR', 'VERIFY_SERVICE_SID']
    assert.deepEqual(
      keys.filter((key: string) => !known.includes(key)),
      [],
    )
  })

  test('an error is 500, with what was thrown', async () => {
    const { status, text } = await call('/price?of=gold')
    assert.deepEqual([status, JSON.parse(text).message], [500, 'No price for gold'])
  })

  test('Verify: one client sends, another checks', async () => {
    const to = freshNumber()
    const sent = await json('/send-code', { form: { to } })
    assert.equal(sent.status, 'pending')
    assert.equal(
      sent.url,
      `https://verify.twilio.com/v2/Services/${bench.serviceSid}/Verifications/${sent.sid}`,
    )
    assert.deepEqual(await json('/check-code', { form: { to, code: '00000' } }), {
      status: 'pending',
      valid: false,
    })
    const code = await bench.codeFor(to)
    assert.deepEqual(await json('/check-code', { form: { to, code } }), { status: 'approved', valid: true })
  })

  test('what the API refuses is an error that the program can read', async () => {
    const { status, text } = await call('/new-factor', { form: { name: 'phone' } })
    const { ok, code, message } = JSON.parse(text)
    assert.deepEqual([status, ok, code], [404, false, 20404])
    assert.match(message, /is not built yet$/)
  })

  test('https://….twil.io under exec, by HTTP/1.1 and HTTP/2', needs('curl'), async () => {
    const ask = (version: string) => {
      const flags = ['-sS', version, '-w', ' %{http_version}']
      return bench.succeed(folder, 'curl', ...flags, `https://${label}.twil.io/hello`)
    }
    assert.equal(await ask('--http1.1'), 'Good day to you! 1.1')
    assert.equal(await ask('--http2'), 'Good day to you! 2')
  })
})
