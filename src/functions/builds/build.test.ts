import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { timerlessClock } from '../../../test/support/clock.ts'
import {
  HELLO,
  leaveBuildsDue,
  make,
  makeBuild,
  makeService,
  makeVersion,
  settleBuild,
} from '../../../test/support/functions.ts'
import { type Form, type TestServer, testServer } from '../../../test/support/server.ts'
import { newSid } from '../../storage/sid.ts'
import { insertVersion } from '../versions/store.ts'

const ALWAYS = [
  { name: 'twilio', version: '^5.0.0' },
  { name: '@twilio/runtime-handler', version: '2.1.0' },
]

const HOUR_MS = 3_600_000

describe('builds', () => {
  const clock = timerlessClock()
  let server: TestServer
  let service: string
  let version: string
  before(async () => {
    server = await testServer({ clock })
    leaveBuildsDue(server)
    service = await makeService(server)
    version = (await makeVersion(server, service, 'Functions', { path: '/hello', content: HELLO })).sid
  })
  after(() => server.close())

  const ask = (form: Form, to = service) => server.post(`${to}/Builds`, form)
  const refusal = async (form: Form, to = service) => {
    const { status, body } = await ask(form, to)
    assert.equal(status, 400, JSON.stringify(body))
    return [body.code, body.message]
  }
  const dependenciesOf = async (Dependencies?: string) => {
    clock.pass(60_000)
    const { status, body } = await ask({
      FunctionVersions: version,
      ...(Dependencies !== undefined && { Dependencies }),
    })
    assert.equal(status, 201, JSON.stringify(body))
    return body.dependencies
  }

  test('as the official tools ask for it: keys that repeat, dependencies in quotes, polled until it is done', async () => {
    const second = await makeVersion(server, service, 'Functions', { path: '/nested/deep', content: HELLO })
    const asset = await makeVersion(server, service, 'Assets', {
      path: '/secret.json',
      content: '{}',
      visibility: 'private',
    })
    const form = {
      Dependencies:
        '"[{"name":"twilio","version":"^5.0.0"},{"name":"@twilio/runtime-handler","version":"2.1.0"}]"',
      FunctionVersions: [version, second.sid],
      AssetVersions: asset.sid,
      Runtime: 'node22',
    }
    const { status, body } = await ask(form)
    assert.equal(status, 201)
    assert.match(body.sid, /^ZB[0-9a-f]{32}$/)
    assert.deepEqual(
      [body.status, body.runtime, body.dependencies, body.reason],
      ['building', 'node22', ALWAYS, undefined],
    )
    const { url: _, links: __, ...built } = asset
    assert.deepEqual(body.asset_versions, [built])
    assert.deepEqual(
      body.function_versions.map(({ path }: { path: string }) => path),
      ['/hello', '/nested/deep'],
    )
    const statusPath = new URL(body.links.build_status).pathname
    assert.equal((await server.get(statusPath)).body.status, 'building')
    await settleBuild(server, body.sid)
    assert.equal((await server.get(statusPath)).body.status, 'completed')
    assert.equal((await server.get(`${service}/Builds`)).body.builds[0].status, 'completed')
  })

  test('one that failed says why', async () => {
    const { sid } = await make(server, `${service}/Builds`, { FunctionVersions: version })
    await settleBuild(server, sid, 'failed', 'npm found no such package')
    const { body } = await server.get(`${service}/Builds/${sid}`)
    assert.deepEqual([body.status, body.reason], ['failed', 'npm found no such package'])
    assert.equal('lock' in body, false)
  })

  test('is due until its queue has made it', async () => {
    const { sid } = await make(server, `${service}/Builds`, { FunctionVersions: version })
    const { read } = server.ctx.storage.system
    const row = await read.get<{ due_at: number }>`select due_at from fn_build where sid = ${sid}`
    assert.equal(row?.due_at, clock.now())
  })

  test('what is in every build is added, unless it is named', async () => {
    assert.deepEqual(await dependenciesOf(), ALWAYS)
    assert.deepEqual(await dependenciesOf(''), ALWAYS)
    assert.deepEqual(await dependenciesOf('[]'), ALWAYS)
    const given = [
      { name: 'twilio', version: '4.23.0' },
      { name: 'bcryptjs', version: '*' },
    ]
    const text = JSON.stringify([given[0], { name: 'bcryptjs', version: '' }])
    assert.deepEqual(await dependenciesOf(text), [...given, ALWAYS[1]])
  })

  test('dependencies that are none are refused', async () => {
    for (const Dependencies of [
      'x',
      '{}',
      '{"twilio":"5"}',
      '[1]',
      '[null]',
      '[{"name":"a"}]',
      '[{"name":"","version":"1"}]',
      '[{"name":1,"version":"1"}]',
      '[{"name":"a","version":"1"},{"name":"a","version":"2"}]',
      JSON.stringify([{ name: 'a'.repeat(215), version: '1' }]),
    ]) {
      const [code, message] = await refusal({ FunctionVersions: version, Dependencies })
      assert.deepEqual([code, message], [60200, 'Invalid parameter: Dependencies'], Dependencies)
    }
    const many = Array.from({ length: 199 }, (_, n) => ({ name: `a${n}`, version: '1' }))
    assert.deepEqual(await refusal({ FunctionVersions: version, Dependencies: JSON.stringify(many) }), [
      20001,
      'There may be at most 200 dependencies in a build',
    ])
  })

  test('runtimes that there are, and no others', async () => {
    for (const Runtime of ['node18', 'node20', 'node22', 'node24'])
      assert.equal((await ask({ FunctionVersions: version, Runtime })).body.runtime, Runtime)
    for (const Runtime of ['node16', 'node', 'python3'])
      assert.deepEqual(await refusal({ FunctionVersions: version, Runtime }), [
        60200,
        'Invalid parameter: Runtime',
      ])
  })

  test('only versions of the service, of their kind, of which no two have one path', async () => {
    const other = await makeService(server)
    const stranger = await makeVersion(server, other, 'Functions', { path: '/hello', content: HELLO })
    assert.deepEqual(await refusal({ FunctionVersions: stranger.sid }), [
      20001,
      `The service has no function version ${stranger.sid}`,
    ])
    assert.deepEqual(await refusal({ AssetVersions: version }), [
      20001,
      `The service has no asset version ${version}`,
    ])
    assert.equal((await refusal({}))[0], 20001)
    assert.equal((await refusal({ FunctionVersions: 'ZN1' }))[0], 60200)
    const again = await makeVersion(server, service, 'Functions', { path: '/hello', content: '// another' })
    assert.deepEqual(await refusal({ FunctionVersions: [version, again.sid] }), [
      20001,
      'Two versions in a build have the same Path',
    ])
    const twice = await ask({ FunctionVersions: [version, version] })
    assert.equal(twice.body.function_versions.length, 1)
  })

  test('at most 50 functions and 50 private assets, but as many as 1,000 others', async () => {
    const own = await makeService(server)
    const many = async (list: 'Functions' | 'Assets', visibility: 'public' | 'private') => {
      const sids: string[] = []
      for (let n = 0; n < 51; n++) {
        const made = await makeVersion(server, own, list, {
          path: `/${visibility}-${n}`,
          content: HELLO,
          visibility,
        })
        sids.push(made.sid)
      }
      return sids
    }
    const functions = await many('Functions', 'public')
    const hidden = await many('Assets', 'private')
    const open = await many('Assets', 'public')
    assert.match((await refusal({ FunctionVersions: functions }, own))[1], /at most 50 functions in a build/)
    assert.match((await refusal({ AssetVersions: hidden }, own))[1], /at most 50 private assets in a build/)
    const form = {
      FunctionVersions: functions.slice(1),
      AssetVersions: [...open, ...hidden.slice(1)].slice(0, 49),
    }
    assert.equal((await ask(form, own)).status, 201)
  })

  test('a hundred of an account in an hour, those that are gone among them', async () => {
    const [own, other] = [await makeService(server), await makeService(server)]
    const versionOf = async (of: string) =>
      (await makeVersion(server, of, 'Functions', { path: '/a', content: HELLO })).sid
    const FunctionVersions = await versionOf(own)
    clock.pass(HOUR_MS - (clock.now() % HOUR_MS))
    for (let n = 0; n < 100; n++) assert.equal((await ask({ FunctionVersions }, own)).status, 201)
    const { builds, meta } = (await server.get(`${own}/Builds?PageSize=1000`)).body
    assert.deepEqual([builds.length, meta.page_size, meta.next_page_url], [100, 100, null])
    assert.equal((await server.del(`${own}/Builds/${builds[0].sid}`)).status, 204)
    const refused = await refusal({ FunctionVersions: await versionOf(other) }, other)
    assert.match(refused[1], /at most 100 builds of an account in an hour/)
    clock.pass(HOUR_MS)
    for (let n = 0; n < 2; n++) assert.equal((await ask({ FunctionVersions }, own)).status, 201)
    assert.ok((await server.get(`${own}/Builds?PageSize=1000`)).body.meta.next_page_url)
  })

  test('takes a thousand files in one request', async () => {
    const own = await makeService(server)
    const FunctionVersions = Array.from({ length: 50 }, () => newSid('ZN', 0, clock.now(), server.ctx.random))
    const AssetVersions = Array.from({ length: 1_050 }, () => newSid('ZN', 0, clock.now(), server.ctx.random))
    await server.ctx.storage.write(async (tx) => {
      for (const [n, sid] of [...FunctionVersions, ...AssetVersions].entries())
        await insertVersion(tx, {
          sid,
          accountSid: server.accountSid,
          serviceSid: own.slice(-34),
          resourceSid: `ZH${'0'.repeat(32)}`,
          kind: n < 50 ? 'function' : 'asset',
          path: `/${n}`,
          visibility: n < 100 ? 'private' : 'public',
          contentType: 'text/plain',
          hash: '0'.repeat(64),
          size: 1,
          createdAtMs: clock.now(),
        })
    })
    const packages = Array.from({ length: 198 }, (_, n) => ({
      name: `@scope/package-${n}`,
      version: '^1.2.3',
    }))
    const form = { FunctionVersions, AssetVersions, Dependencies: JSON.stringify(packages) }
    const { status, body } = await ask(form, own)
    assert.equal(status, 201, body.message)
    assert.deepEqual([body.function_versions.length, body.asset_versions.length], [50, 1_050])
    const tooMany = { ...form, AssetVersions: [...AssetVersions, ...AssetVersions] }
    assert.equal((await refusal(tooMany, own))[1], 'Too many parameters')
  })

  test('one that runs is not deleted, one that ran is', async () => {
    const own = await makeService(server)
    const [first, second] = [await makeBuild(server, own), await makeBuild(server, own)]
    const environment = await make(server, `${own}/Environments`, { UniqueName: 'dev' })
    const deployments = `${own}/Environments/${environment.sid}/Deployments`
    await make(server, deployments, { BuildSid: first })
    const { status, body } = await server.del(`${own}/Builds/${first}`)
    assert.deepEqual([status, body.code], [409, 20409])
    await make(server, deployments, { BuildSid: second })
    assert.equal((await server.del(`${own}/Builds/${first}`)).status, 204)
    assert.equal((await server.get(`${own}/Builds/${first}`)).status, 404)
    assert.equal((await server.del(`${own}/Builds/${first}`)).status, 404)
  })
})
