import assert from 'node:assert/strict'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { basic, freshNumber } from '../../support/server.ts'
import { needs } from '../exec/needs.ts'
import {
  collect,
  labelIn,
  needsToolkit,
  openWorkbench,
  TAKES_TIME,
  TOOLKIT,
  type Workbench,
} from './workbench.ts'

const ROOT = join(import.meta.dirname, '../../..')
const EXAMPLES = join(ROOT, 'examples/functions')

describe('examples of Functions', needsToolkit, () => {
  let bench: Workbench
  before(async () => {
    bench = await openWorkbench()
  }, TAKES_TIME)
  after(() => bench.close())

  const copy = (name: string, variables: Record<string, string> = {}) =>
    bench.copy(join(EXAMPLES, name), variables)

  for (const [name, variables] of Object.entries({
    'basic-auth': ['USERNAME', 'PASSWORD'],
    'users-bcrypt': [],
    jwt: ['USERNAME', 'PASSWORD', 'JWT_SECRET'],
    verify: ['VERIFY_SERVICE_SID'],
    'sms-reply': ['TIME_ZONE'],
  })) {
    test(`${name} tells in .env.example what it asks for`, async () => {
      const text = await readFile(join(EXAMPLES, name, '.env.example'), 'utf8')
      const named = [...text.matchAll(/^([A-Z_]+)=$/gm)].map(([, key]) => key)
      assert.deepEqual(named, ['ACCOUNT_SID', 'AUTH_TOKEN', ...variables])
    })
  }

  test('basic-auth answers byte for byte as Twilio does', { ...TAKES_TIME, ...needs('curl') }, async () => {
    const folder = await copy('basic-auth', { USERNAME: 'twilio', PASSWORD: 'ahoy!' })
    const label = await bench.deploy(folder)
    /** The status line, the headers in order of the alphabet, the body. */
    const ask = async (...flags: string[]) => {
      const curl = ['curl', '-sS', '-i', '-L', '--http2', '--suppress-connect-headers', ...flags]
      const out = await bench.succeed(folder, ...curl, `https://${label}.twil.io/basic`)
      const [head = '', body] = out.split('\r\n\r\n')
      const [status, ...headers] = head.split('\r\n')
      return { status, headers: headers.filter((line) => !/^date: \w{3}, .+ GMT$/.test(line)).sort(), body }
    }
    const refused = {
      status: 'HTTP/2 401 ',
      headers: [
        'content-length: 12',
        'content-type: application/octet-stream',
        'www-authenticate: Basic realm="Authentication Required"',
        'x-shenanigans: none',
      ],
      body: 'Unauthorized',
    }
    assert.deepEqual(await ask('-X', 'POST'), refused)
    assert.deepEqual(await ask('-u', 'twilio:wrong'), refused)
    assert.deepEqual(await ask('-H', 'Authorization: Bearer dHdpbGlvOmFob3kh'), refused)
    const welcomed = {
      status: 'HTTP/2 200 ',
      headers: [
        'content-length: 2',
        'content-type: text/plain; charset=utf8',
        'x-content-type-options: nosniff',
        'x-shenanigans: none',
        'x-xss-protection: 1; mode=block',
      ],
      body: 'OK',
    }
    assert.deepEqual(await ask('-X', 'POST', '-H', 'Authorization: Basic dHdpbGlvOmFob3kh'), welcomed)
    assert.deepEqual(await ask('-H', 'Authorization: Basic dHdpbGlvOmFob3kh'), welcomed)
  })

  test('basic-auth lets nobody in where no password is set', TAKES_TIME, async () => {
    const label = await bench.deploy(
      await copy('basic-auth', { USERNAME: 'twilio' }),
      '--service-name=open-door',
    )
    const headers = { authorization: basic('twilio', '') }
    assert.equal((await bench.call(label, '/basic', { headers })).status, 401)
    const undefinedPassword = { authorization: basic('twilio', 'undefined') }
    assert.equal((await bench.call(label, '/basic', { headers: undefinedPassword })).status, 401)
  })

  test('users-bcrypt knows who is in its database', TAKES_TIME, async () => {
    const folder = await copy('users-bcrypt')
    // For its own script, that puts users into the database.
    await symlink(TOOLKIT, join(folder, 'node_modules'))
    const add = (name: string, password: string) => {
      const child = bench.spawn(folder, process.execPath, 'add-user.js', name)
      child.stdin?.end(`${password}\n`)
      return collect(child)
    }
    assert.equal((await add('alice', 'correct horse')).status, 0)
    assert.equal((await add('bob', 'battery staple')).status, 0)
    assert.equal((await add('bob', 'another staple')).status, 0)
    assert.equal((await add('carol', 'short')).status, 1)
    const label = await bench.deploy(folder)
    const ask = async (name: string, password: string) => {
      const { status, text } = await bench.call(label, '/members', {
        headers: { authorization: basic(name, password) },
      })
      return `${status} ${text}`
    }
    assert.equal(await ask('alice', 'correct horse'), '200 {"name":"alice"}')
    assert.equal(await ask('bob', 'another staple'), '200 {"name":"bob"}')
    for (const [name, password] of [
      ['alice', 'another staple'],
      ['bob', 'battery staple'],
      ['carol', 'short'],
      ["' or 1=1 --", 'x'],
      ['alice', ''],
    ] as const)
      assert.equal(await ask(name, password), '401 Unauthorized', name)
    assert.equal(
      (await bench.call(label, '/members')).headers['www-authenticate'],
      'Basic realm="Members", charset="UTF-8"',
    )
    assert.equal((await bench.call(label, '/users.db')).status, 404)
  })

  test('jwt gives tokens, and believes no others', TAKES_TIME, async () => {
    const JWT_SECRET = 'a secret of more than 32 characters'
    const label = await bench.deploy(
      await copy('jwt', { USERNAME: 'alice', PASSWORD: 'correct horse', JWT_SECRET }),
    )
    const logIn = (form: Record<string, string>) => bench.call(label, '/token', { form })
    const profile = async (token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const { status, text } = await bench.call(label, '/profile', { headers })
      return { status, ...JSON.parse(text) }
    }
    const { token } = JSON.parse((await logIn({ name: 'alice', password: 'correct horse' })).text)
    const { status, name, until } = await profile(token)
    assert.deepEqual([status, name], [200, 'alice'])
    const { exp, iat } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
    assert.deepEqual([until, exp - iat], [new Date(exp * 1000).toISOString(), 15 * 60])

    assert.equal((await logIn({ name: 'alice', password: 'wrong' })).status, 401)
    assert.equal((await logIn({})).status, 401)
    const [header, claims, signature] = token.split('.')
    const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
    for (const forged of [
      undefined,
      '',
      'x',
      `${header}.${claims}.`,
      `${unsigned}.${claims}.`,
      `${header}.x.${signature}`,
    ])
      assert.equal((await profile(forged)).status, 401, String(forged))
  })

  test('verify sends a code and checks it, from its page', TAKES_TIME, async () => {
    const label = await bench.deploy(await copy('verify', { VERIFY_SERVICE_SID: bench.serviceSid }))
    const page = (await bench.call(label, '/')).text
    const named = [...page.matchAll(/(?:href|src)="([\w.]+)"/g)].map(([, path]) => path)
    assert.deepEqual(named, ['style.css', 'page.js'])
    for (const path of named) assert.equal((await bench.call(label, `/${path}`)).status, 200, path)
    // What its script sends.
    const send = async (path: string, form: Record<string, string>) => {
      const { status, text } = await bench.call(label, path, { form })
      return { httpStatus: status, ...JSON.parse(text) }
    }
    const to = freshNumber()
    assert.deepEqual(await send('/start', { to }), { httpStatus: 200, status: 'pending' })
    assert.deepEqual(await send('/check', { to, code: '00000' }), { httpStatus: 200, status: 'pending' })
    const code = await bench.codeFor(to)
    assert.deepEqual(await send('/check', { to, code }), { httpStatus: 200, status: 'approved' })
    const again = await send('/check', { to, code })
    assert.deepEqual(again, { httpStatus: 404, error: 'Please ask for another code.' })
    assert.equal((await send('/start', {})).httpStatus, 400)
    assert.match((await send('/start', { to: '+1234' })).error, /^This is not a phone number/)
  })

  test('sms-reply, deployed by the two commands of the docs, answers who is signed', TAKES_TIME, async () => {
    const docs = await readFile(join(ROOT, 'docs/functions.md'), 'utf8')
    const [, commands = ''] = /## Deploy a project\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(docs) ?? []
    assert.equal(commands.trimEnd().split('\n').length, 2)
    const folder = await copy('sms-reply')
    await writeFile(join(folder, '.env'), 'TIME_ZONE=Asia/Kolkata\n')
    await symlink(TOOLKIT, join(folder, 'node_modules'))
    const countersign = `countersign() { '${process.execPath}' '${join(ROOT, 'bin/countersign.ts')}' "$@"; }`
    const { status, out, err } = await collect(
      bench.spawn(folder, 'sh', '-euc', `${countersign}\n${commands}`),
    )
    assert.equal(status, 0, err)
    const label = labelIn(out)
    const url = `https://${label}.twil.io/sms-reply`
    const ask = async (Body: string, token = bench.authToken) => {
      const form = { Body, From: '+15005550001' }
      const headers = {
        host: `${label}.twil.io`,
        'x-twilio-signature': twilio.getExpectedTwilioSignature(token, url, form),
      }
      return (await bench.call(label, '/sms-reply', { form, headers })).text
    }
    assert.match(await ask(' Time '), /<Response><Message>It is \d\d:\d\d\.<\/Message><\/Response>$/)
    assert.match(await ask('hello'), /<Message>Send TIME to be told the time\.<\/Message>/)
    assert.equal(await ask('time', '0'.repeat(32)), 'Forbidden')
  })
})
