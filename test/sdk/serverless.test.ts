/** The official library, unmodified, through all that Functions have. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { askUpload, HELLO, leaveBuildsDue, settleBuild } from '../support/functions.ts'
import { type TestServer, testServer } from '../support/server.ts'

describe('Functions with the official Node SDK', () => {
  let server: TestServer
  let services: twilio.Twilio['serverless']['v1']['services']
  before(async () => {
    server = await testServer()
    leaveBuildsDue(server)
    const client = twilio(server.accountSid, server.authToken)
    client.serverless.baseUrl = await server.listen()
    services = client.serverless.v1.services
  })
  after(() => server.close())

  const isGone = (error: unknown) => {
    assert.ok(error instanceof twilio.RestException)
    assert.deepEqual([error.status, error.code], [404, 20404])
    return true
  }
  const sids = (items: readonly { sid: string }[]) => items.map(({ sid }) => sid)
  /** The library has no upload: the official tools speak to a host of their own. */
  const upload = async (list: 'Functions' | 'Assets', serviceSid: string, sid: string, content: string) => {
    const reply = await askUpload(server, `/v1/Services/${serviceSid}/${list}/${sid}`, {
      path: '/hello',
      content,
    })
    assert.equal(reply.status, 201)
    return reply.body.sid as string
  }

  test('from a service to what runs, and back', async () => {
    const made = await services.create({ uniqueName: 'sdk', friendlyName: 'From the SDK', uiEditable: true })
    assert.deepEqual([made.includeCredentials, made.uiEditable], [true, true])
    assert.ok(made.dateCreated instanceof Date)
    const service = services(made.sid)
    assert.equal((await services('sdk').fetch()).sid, made.sid)
    assert.equal((await service.update({ friendlyName: 'Renamed' })).friendlyName, 'Renamed')
    assert.deepEqual(sids(await services.list()), [made.sid])

    const called = await service.functions.create({ friendlyName: '/hello' })
    assert.equal((await service.functions(called.sid).update({ friendlyName: '/hi' })).friendlyName, '/hi')
    const asset = await service.assets.create({ friendlyName: '/page' })
    assert.equal((await service.assets(asset.sid).update({ friendlyName: '/p' })).friendlyName, '/p')
    assert.deepEqual(sids(await service.functions.list()), [called.sid])
    assert.deepEqual(sids(await service.assets.list()), [asset.sid])
    const functionVersion = await upload('Functions', made.sid, called.sid, HELLO)
    const assetVersion = await upload('Assets', made.sid, asset.sid, '<p>')
    const versions = service.functions(called.sid).functionVersions
    assert.deepEqual(sids(await versions.list()), [functionVersion])
    assert.equal((await versions(functionVersion).fetch()).visibility, 'public')
    assert.equal((await versions(functionVersion).functionVersionContent().fetch()).content, HELLO)
    const assetVersions = service.assets(asset.sid).assetVersions
    assert.deepEqual(sids(await assetVersions.list()), [assetVersion])
    assert.equal((await assetVersions(assetVersion).fetch()).path, '/hello')

    const build = await service.builds.create({
      functionVersions: [functionVersion],
      assetVersions: [assetVersion],
      dependencies: JSON.stringify([{ name: 'bcryptjs', version: '^3.0.0' }]),
      runtime: 'node24',
    })
    assert.deepEqual([build.status, build.runtime, build.dependencies?.length], ['building', 'node24', 3])
    assert.equal((await service.builds(build.sid).buildStatus().fetch()).status, 'building')
    await settleBuild(server, build.sid)
    assert.equal((await service.builds(build.sid).fetch()).status, 'completed')
    assert.deepEqual(sids(await service.builds.list()), [build.sid])

    const made1 = await service.environments.create({ uniqueName: 'dev', domainSuffix: 'dev' })
    assert.match(made1.domainName, /^sdk-\d{4}-dev\.localhost:\d+$/)
    const environment = service.environments(made1.sid)
    const variable = await environment.variables.create({ key: 'GREETING', value: 'Hello' })
    assert.equal((await environment.variables(variable.sid).update({ value: 'Hi' })).value, 'Hi')
    assert.equal((await environment.variables(variable.sid).fetch()).key, 'GREETING')
    assert.deepEqual(sids(await environment.variables.list()), [variable.sid])
    const deployment = await environment.deployments.create({ buildSid: build.sid })
    assert.equal((await environment.deployments(deployment.sid).fetch()).buildSid, build.sid)
    assert.deepEqual(sids(await environment.deployments.list()), [deployment.sid])
    assert.equal((await environment.fetch()).buildSid, build.sid)

    const deployed = await server.ctx.functions.deployed.find(made1.domainName.split('.')[0] ?? '')
    assert.ok(deployed)
    const line = { functionSid: called.sid, requestSid: `RQ${'0'.repeat(32)}`, message: 'said' }
    server.ctx.functions.logs.add({ deployed, level: 'info', ...line })
    await server.ctx.functions.logs.flush()
    const [log] = await environment.logs.list({ functionSid: called.sid, startDate: new Date(0) })
    assert.equal((await environment.logs(log?.sid ?? '').fetch()).message, 'said')

    await assert.rejects(service.builds(build.sid).remove(), { status: 409, code: 20409 })
    await environment.variables(variable.sid).remove()
    await environment.remove()
    await assert.rejects(environment.fetch(), isGone)
    await service.builds(build.sid).remove()
    await service.functions(called.sid).remove()
    await service.assets(asset.sid).remove()
    assert.deepEqual([await service.builds.list(), await service.functions.list()], [[], []])
    await service.remove()
    await assert.rejects(service.fetch(), isGone)
  })

  test('lists are walked page by page', async () => {
    const { sid } = await services.create({ uniqueName: 'many', friendlyName: 'Many' })
    const made: string[] = []
    for (let n = 0; n < 7; n++)
      made.unshift((await services(sid).functions.create({ friendlyName: `/f${n}` })).sid)
    assert.deepEqual(sids(await services(sid).functions.list({ pageSize: 3 })), made)
  })
})
