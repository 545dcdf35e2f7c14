import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { timerlessClock } from '../../../test/support/clock.ts'
import {
  askUpload,
  encodeUpload,
  HELLO,
  leaveBuildsDue,
  make,
  makeBuild,
  makeService,
  makeVersion,
} from '../../../test/support/functions.ts'
import { type TestServer, testServer } from '../../../test/support/server.ts'
import { runBackground } from '../../operations/background.ts'
import { readContent } from '../contents.ts'

const MEGABYTE = 1024 * 1024
const DAY_MS = 86_400_000

describe('uploads', () => {
  const clock = timerlessClock()
  let server: TestServer
  let service: string
  let functions: string
  let assets: string
  before(async () => {
    server = await testServer({ clock })
    leaveBuildsDue(server)
    service = await makeService(server)
    const one = async (list: string) => (await make(server, `${service}/${list}`, { FriendlyName: '/x' })).sid
    functions = `${service}/Functions/${await one('Functions')}`
    assets = `${service}/Assets/${await one('Assets')}`
  })
  after(() => server.close())

  const codeOf = ({ status, body }: { status: number; body: { code: number } }) => [status, body.code]
  const storedType = async (sid: string) => {
    const { read } = server.ctx.storage.system
    return (await read.get<{ content_type: string }>`select content_type from fn_version where sid = ${sid}`)
      ?.content_type
  }

  test('a function is kept, listed, and read again', async () => {
    const content = "exports.handler = (c, e, cb) => cb(null, 'Grüße 👋')\n"
    const { status, body } = await askUpload(server, functions, {
      path: '/greet',
      content,
      visibility: 'protected',
    })
    assert.equal(status, 201)
    assert.match(body.sid, /^ZN[0-9a-f]{32}$/)
    assert.deepEqual(
      [body.path, body.visibility, body.function_sid],
      ['/greet', 'protected', functions.slice(-34)],
    )
    assert.deepEqual((await server.get(`${functions}/Versions/${body.sid}`)).body, body)
    assert.deepEqual((await server.get(`${functions}/Versions`)).body.function_versions, [body])
    const read = (await server.get(`${functions}/Versions/${body.sid}/Content`)).body
    assert.equal(read.content, content)
  })

  test('an asset of any bytes, by the type it came with, or that of its name', async () => {
    const content = Uint8Array.from({ length: 256 }, (_, n) => n)
    for (const [path, contentType, stored] of [
      ['/a.css', 'text/css; charset=UTF-8', 'text/css; charset=UTF-8'],
      ['/b.css', null, 'text/css'],
      ['/page.html', 'text/plain', 'text/plain'],
      ['/c.unheard-of', null, 'application/octet-stream'],
    ] as const) {
      const { status, body } = await askUpload(server, assets, { path, content, contentType })
      assert.equal(status, 201)
      assert.equal(body.links, undefined)
      assert.equal(await storedType(body.sid), stored)
    }
    const { read } = server.ctx.storage
    const rows = await read.all<{ hash: string }>`select hash from fn_version where path = ${'/a.css'}`
    const kept = await readContent(read, server.accountSid, rows[0]?.hash ?? '')
    assert.deepEqual(Buffer.from(kept ?? ''), Buffer.from(content))
  })

  test('addresses in the answer are of the host that reads, not of the one that takes uploads', async () => {
    const upload = { path: '/hosts', content: HELLO }
    const { body } = await askUpload(server, functions, upload, { host: 'serverless-upload.twilio.com' })
    assert.ok(body.url.startsWith('https://serverless.twilio.com/v1/Services/ZS'))
    const authorization = `Basic ${Buffer.from(`${server.accountSid}:${server.authToken}`).toString('base64')}`
    const headers = { authorization, host: 'serverless-upload.twilio.com' }
    // Nothing else is there.
    assert.equal((await server.app.inject({ url: '/v1/Services', headers })).statusCode, 404)
  })

  test('a path gets its slash, and has to be one', async () => {
    const { body } = await askUpload(server, functions, { path: 'bare/of/slash', content: HELLO })
    assert.equal(body.path, '/bare/of/slash')
    const bad = [
      '/',
      '//',
      '/a//b',
      '/a/',
      '/../etc',
      '/a/./b',
      '/a b',
      '/a?b',
      '/a%2e',
      '/a\\b',
      `/${'a'.repeat(255)}`,
    ]
    const signs = [...'#;,?:@+&$()\'"'].map((sign) => `/a${sign}b`)
    for (const path of [...bad, ...signs])
      assert.deepEqual(
        codeOf(await askUpload(server, functions, { path, content: HELLO })),
        [400, 60200],
        path,
      )
  })

  test('what is missing is named; what is no form is refused', async () => {
    const form = encodeUpload({ path: '/a', content: HELLO }).toString()
    const without = (name: string) => Buffer.from(form.replace(`name="${name}"`, 'name="Other"'))
    for (const name of ['Path', 'Visibility', 'Content']) {
      const { status, body } = await askUpload(server, functions, without(name))
      assert.deepEqual([status, body.code, body.message], [400, 60200, `Invalid parameter: ${name}`])
    }
    const secret = Buffer.from(form.replace('public', 'secret'))
    assert.deepEqual(codeOf(await askUpload(server, functions, secret)), [400, 60200])
    assert.deepEqual(codeOf(await askUpload(server, functions, Buffer.from('x'))), [400, 20001])
    // As another operation is given a body that is none of its own.
    assert.deepEqual(codeOf(await server.post(`${functions}/Versions`)), [400, 60200])
  })

  test('a function is text of at most 1 MB', async () => {
    const sized = (bytes: number) => ({ path: '/large', content: 'x'.repeat(bytes) })
    assert.equal((await askUpload(server, functions, sized(MEGABYTE))).status, 201)
    assert.deepEqual(codeOf(await askUpload(server, functions, sized(MEGABYTE + 1))), [400, 20001])
    const content = Uint8Array.of(0xff, 0xfe)
    assert.deepEqual(codeOf(await askUpload(server, functions, { path: '/binary', content })), [400, 20001])
  })

  test('an asset has at most 25 MB, and no other operation takes as much', async () => {
    const sized = (bytes: number) => ({ path: '/film.mp4', content: Buffer.alloc(bytes) })
    assert.equal((await askUpload(server, assets, sized(25 * MEGABYTE))).status, 201)
    assert.deepEqual(codeOf(await askUpload(server, assets, sized(25 * MEGABYTE + 1))), [413, 20413])
    assert.deepEqual(codeOf(await askUpload(server, assets, sized(26 * MEGABYTE))), [413, 20413])
    const form = { UniqueName: 'a', FriendlyName: 'x'.repeat(70_000) }
    assert.deepEqual(codeOf(await server.post('/v1/Services', form)), [413, 20413])
  })

  test('a content that comes again is kept once, and for each account apart', async () => {
    const input = { path: '/again', content: '// the same again' }
    const counted = async () => {
      const { read } = server.ctx.storage.system
      return (await read.all`select hash from fn_blob`).length
    }
    await askUpload(server, functions, input)
    const before = await counted()
    await Promise.all([1, 2, 3].map(() => askUpload(server, functions, input)))
    assert.equal(await counted(), before)
    const { authorization } = await addAccount(server.ctx)
    const theirs = (await server.post('/v1/Services', { UniqueName: 'x', FriendlyName: 'x' }, authorization))
      .body.sid
    const list = `/v1/Services/${theirs}/Functions`
    const { sid } = (await server.post(list, { FriendlyName: '/x' }, authorization)).body
    assert.equal((await askUpload(server, `${list}/${sid}`, input, { authorization })).status, 201)
    assert.equal(await counted(), before + 1)
  })

  test('deleting a function removes what no build holds of it; the build goes on', async () => {
    const [kept, lost] = [
      await makeVersion(server, service, 'Functions', { path: '/kept', content: '// kept' }),
      await makeVersion(server, service, 'Functions', { path: '/lost', content: '// lost' }),
    ]
    const build = await makeBuild(server, service, { FunctionVersions: kept.sid })
    for (const { function_sid } of [kept, lost])
      assert.equal((await server.del(`${service}/Functions/${function_sid}`)).status, 204)
    const rows = await server.ctx.storage.system.read.all<{ sid: string }>`select sid from fn_version
      where sid in (${kept.sid}, ${lost.sid})`
    assert.deepEqual(
      rows.map(({ sid }) => sid),
      [kept.sid],
    )
    assert.equal((await server.get(`${service}/Builds/${build}`)).body.function_versions[0].path, '/kept')
    assert.equal((await server.get(`${service}/Functions/${kept.function_sid}/Versions`)).status, 404)
  })

  test('what no build has held for a week is removed, with its content', async () => {
    const own = await makeService(server)
    const built = await makeVersion(server, own, 'Functions', { path: '/built', content: '// built' })
    const idle = await makeVersion(server, own, 'Functions', { path: '/idle', content: '// idle' })
    await makeBuild(server, own, { FunctionVersions: built.sid })
    const path = (v: typeof idle) => `${own}/Functions/${v.function_sid}/Versions/${v.sid}`
    clock.pass(7 * DAY_MS - 60_000)
    await runBackground(server.ctx)
    assert.equal((await server.get(path(idle))).status, 200)
    clock.pass(2 * 60_000)
    await runBackground(server.ctx)
    assert.equal((await server.get(path(idle))).status, 404)
    assert.equal((await server.get(`${path(built)}/Content`)).body.content, '// built')
    const { read } = server.ctx.storage.system
    const orphans = await read.all`select hash from fn_blob where hash not in (select hash from fn_version)`
    assert.deepEqual(orphans, [])
  })
})
