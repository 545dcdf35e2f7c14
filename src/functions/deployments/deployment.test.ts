import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
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

describe('environments and deployments', () => {
  let server: TestServer
  let service: string
  before(async () => {
    server = await testServer()
    leaveBuildsDue(server)
    service = await makeService(server, { UniqueName: 'demo' })
  })
  after(() => server.close())

  const codeOf = ({ status, body }: { status: number; body: { code: number } }) => [status, body.code]
  let environments = 0
  const makeEnvironment = async (form: Form = {}) => {
    const name = `e${environments++}`
    const made = await make(server, `${service}/Environments`, {
      UniqueName: name,
      DomainSuffix: name,
      ...form,
    })
    return { ...made, path: `${service}/Environments/${made.sid}`, label: made.domain_name.split('.')[0] }
  }
  const running = async (label: string) => {
    const { deployed } = server.ctx.functions
    return deployed.find(label)
  }

  test('an environment has a domain, which is that of whoever asks', async () => {
    const base = (await server.get(service)).body.domain_base
    const form = { UniqueName: 'dev-environment', FriendlyName: 'is ignored', DomainSuffix: 'dev' }
    // The tools send a name that is not described.
    const { statusCode, body } = await server.app.inject({
      method: 'POST',
      url: `${service}/Environments`,
      headers: {
        authorization: `Basic ${Buffer.from(`${server.accountSid}:${server.authToken}`).toString('base64')}`,
        host: 'serverless.twilio.com',
        'content-type': 'application/x-www-form-urlencoded',
      },
      payload: new URLSearchParams({ ...form, UndocumentedName: 'x', FriendlyName: '' })
        .toString()
        .replace('&FriendlyName=', ''),
    })
    assert.equal(statusCode, 201, body)
    const made = JSON.parse(body)
    assert.deepEqual(
      [made.domain_name, made.domain_suffix, made.build_sid],
      [`${base}-dev.twil.io`, 'dev', null],
    )
    const { domain_name } = (await server.get(`${service}/Environments/${made.sid}`)).body
    assert.equal(domain_name, `${base}-dev.localhost:8080`)
  })

  test('without a suffix it is the domain of the service, which one environment may have', async () => {
    const own = await makeService(server)
    const { domain_base } = (await server.get(own)).body
    const made = await make(server, `${own}/Environments`, { UniqueName: 'production' })
    assert.deepEqual([made.domain_suffix, made.domain_name], [null, `${domain_base}.localhost:8080`])
    const second = { UniqueName: 'second', DomainSuffix: '' }
    assert.deepEqual(codeOf(await server.post(`${own}/Environments`, second)), [409, 20409])
  })

  test('name and suffix are unique in a service', async () => {
    await makeEnvironment({ UniqueName: 'one', DomainSuffix: 'uno' })
    for (const form of [
      { UniqueName: 'one', DomainSuffix: 'other' },
      { UniqueName: 'other', DomainSuffix: 'UNO' },
    ])
      assert.deepEqual(codeOf(await server.post(`${service}/Environments`, form)), [409, 20409])
    for (const form of [
      { UniqueName: 'x'.repeat(101) },
      { UniqueName: 'x', DomainSuffix: 'x'.repeat(17) },
      { UniqueName: 'x', DomainSuffix: 'a.b' },
      { UniqueName: 'x', DomainSuffix: '-a' },
    ])
      assert.deepEqual(codeOf(await server.post(`${service}/Environments`, form)), [400, 60200])
  })

  test('a service has at most 25', async () => {
    const own = await makeService(server)
    for (let n = 0; n < 25; n++)
      await make(server, `${own}/Environments`, { UniqueName: `e${n}`, DomainSuffix: `e${n}` })
    const { body } = await server.post(`${own}/Environments`, { UniqueName: 'x', DomainSuffix: 'x' })
    assert.deepEqual([body.code, body.message], [20001, 'There may be at most 25 environments in a service'])
  })

  test('a deployment is what runs from then on; an older build rolls back; without a build nothing runs', async () => {
    const { path, label, sid } = await makeEnvironment()
    assert.deepEqual([(await running(label))?.buildSid, (await running(label))?.functions.size], [null, 0])
    const [first, second] = [await makeBuild(server, service), await makeBuild(server, service)]
    for (const BuildSid of [first, second, first]) {
      const made = await make(server, `${path}/Deployments`, { BuildSid })
      assert.match(made.sid, /^ZD[0-9a-f]{32}$/)
      assert.equal((await server.get(path)).body.build_sid, BuildSid)
      const deployed = await running(label)
      assert.deepEqual(
        [deployed?.environmentSid, deployed?.deploymentSid, deployed?.buildSid],
        [sid, made.sid, BuildSid],
      )
      assert.deepEqual([...(deployed?.functions.keys() ?? [])], ['/hello'])
    }
    const gone = await make(server, `${path}/Deployments`, {})
    assert.equal(gone.build_sid, null)
    assert.equal((await server.get(path)).body.build_sid, null)
    const deployed = await running(label)
    assert.deepEqual([deployed?.deploymentSid, deployed?.buildSid, deployed?.functions.size], [null, null, 0])
    const { deployments } = (await server.get(`${path}/Deployments`)).body
    assert.deepEqual(
      deployments.map(({ build_sid }: { build_sid: string }) => build_sid),
      [null, first, second, first],
    )
    assert.deepEqual((await server.get(`${path}/Deployments/${gone.sid}`)).body, gone)
  })

  test('only a build that is completed, and of the service', async () => {
    const { path, label } = await makeEnvironment()
    const running = await makeBuild(server, service)
    await make(server, `${path}/Deployments`, { BuildSid: running })
    const version = await makeVersion(server, service, 'Functions', { path: '/x', content: HELLO })
    const { sid: unfinished } = await make(server, `${service}/Builds`, { FunctionVersions: version.sid })
    const { sid: failed } = await make(server, `${service}/Builds`, { FunctionVersions: version.sid })
    await settleBuild(server, failed, 'failed', 'for a reason')
    const foreign = await makeBuild(server, await makeService(server))
    for (const [BuildSid, says] of [
      [unfinished, `The build ${unfinished} is building`],
      [failed, `The build ${failed} is failed`],
      [foreign, `The service has no build ${foreign}`],
      [`ZB${'0'.repeat(32)}`, `The service has no build ZB${'0'.repeat(32)}`],
    ] as const) {
      const { status, body } = await server.post(`${path}/Deployments`, { BuildSid })
      assert.deepEqual([status, body.code, body.message], [400, 20001, says])
    }
    assert.deepEqual(codeOf(await server.post(`${path}/Deployments`, { BuildSid: 'x' })), [400, 60200])
    assert.equal((await server.ctx.functions.deployed.find(label))?.buildSid, running)
  })

  test('what is deployed is told with types, visibility and what was uploaded', async () => {
    const { path, label } = await makeEnvironment()
    const page = {
      path: '/page.html',
      content: '<p>',
      contentType: 'text/html',
      visibility: 'protected',
    } as const
    const asset = await makeVersion(server, service, 'Assets', page)
    const called = await makeVersion(server, service, 'Functions', { path: '/page.html', content: HELLO })
    const form = { AssetVersions: asset.sid, FunctionVersions: called.sid, Runtime: 'node24' }
    await make(server, `${path}/Deployments`, { BuildSid: await makeBuild(server, service, form) })
    const deployed = await server.ctx.functions.deployed.find(label)
    const { hash, createdAtMs: _, ...shown } = deployed?.assets.get('/page.html') ?? {}
    assert.match(hash ?? '', /^[0-9a-f]{64}$/)
    assert.deepEqual(shown, {
      resourceSid: asset.asset_sid,
      versionSid: asset.sid,
      path: '/page.html',
      visibility: 'protected',
      contentType: 'text/html',
      size: 3,
    })
    assert.equal(deployed?.functions.get('/page.html')?.versionSid, called.sid)
    assert.equal(JSON.parse(deployed?.dependencies ?? '').length, 2)
  })

  test('credentials of the service count at once, in all of its environments', async () => {
    const one = await makeEnvironment()
    const other = await makeEnvironment()
    for (const { label } of [one, other]) assert.equal((await running(label))?.includeCredentials, true)
    await server.post(service, { IncludeCredentials: false })
    for (const { label } of [one, other]) assert.equal((await running(label))?.includeCredentials, false)
    await server.post(service, { IncludeCredentials: true })
  })

  test('deleted, it runs nothing any more, and its domain is free for another', async () => {
    const { path, label, domain_suffix } = await makeEnvironment()
    await make(server, `${path}/Deployments`, { BuildSid: await makeBuild(server, service) })
    assert.ok((await running(label))?.buildSid)
    assert.equal((await server.del(path)).status, 204)
    assert.equal((await server.del(path)).status, 404)
    assert.equal(await running(label), undefined)
    // Of the same revision as the first one was when it was looked at.
    await makeEnvironment({ UniqueName: 'again', DomainSuffix: domain_suffix })
    assert.equal((await running(label))?.buildSid, null)
  })

  test('requests that come while it changes never keep what was before', async () => {
    const { path, label } = await makeEnvironment()
    const builds = [await makeBuild(server, service), await makeBuild(server, service)]
    for (let round = 0; round < 20; round++) {
      const BuildSid = builds[round % 2] ?? ''
      const looks = Array.from({ length: 5 }, () => running(label))
      const made = make(server, `${path}/Deployments`, { BuildSid })
      await Promise.all([...looks, made, running(label)])
      assert.equal((await running(label))?.buildSid, BuildSid)
    }
  })
})
