import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { leaveBuildsDue, make, makeBuild, makeService, makeVersion } from '../../../test/support/functions.ts'
import { type TestServer, testServer } from '../../../test/support/server.ts'
import { runBackground } from '../../operations/background.ts'

describe('services of functions', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
    leaveBuildsDue(server)
  })
  after(() => server.close())

  const codeOf = ({ status, body }: { status: number; body: { code: number } }) => [status, body.code]

  test('created as the official tools do, with the defaults of the API', async () => {
    const form = {
      UniqueName: 'demo-auth',
      FriendlyName: 'demo-auth',
      IncludeCredentials: 'true',
      UiEditable: 'false',
    }
    const { status, body } = await server.post('/v1/Services', form)
    assert.equal(status, 201)
    assert.match(body.sid, /^ZS[0-9a-f]{32}$/)
    assert.match(body.domain_base, /^demo-auth-\d{4}$/)
    assert.deepEqual(
      [body.unique_name, body.include_credentials, body.ui_editable],
      ['demo-auth', true, false],
    )
    const plain = await make(server, '/v1/Services', { UniqueName: 'plain', FriendlyName: 'Plain' })
    assert.deepEqual([plain.include_credentials, plain.ui_editable], [true, false])
    assert.equal((await server.get('/v1/Services')).body.meta.next_page_url, null)
  })

  test('the unique name stands for the sid in every path', async () => {
    const made = await make(server, '/v1/Services', { UniqueName: 'by-name', FriendlyName: 'By name' })
    const { body } = await server.get('/v1/Services/by-name')
    assert.equal(body.sid, made.sid)
    await make(server, '/v1/Services/by-name/Functions', { FriendlyName: '/hello' })
    const functions = (await server.get('/v1/Services/by-name/Functions')).body.functions
    assert.equal(functions.length, 1)
    // Addresses have the sid: a name may be another's tomorrow.
    assert.ok(functions[0].url.startsWith(`http://localhost:8080/v1/Services/${made.sid}/Functions/`))
    assert.deepEqual(codeOf(await server.get('/v1/Services/nobody')), [404, 20404])
  })

  test('a name is unique within an account', async () => {
    const form = { UniqueName: 'taken', FriendlyName: 'Taken' }
    await make(server, '/v1/Services', form)
    assert.deepEqual(codeOf(await server.post('/v1/Services', form)), [409, 20409])
    const { authorization } = await addAccount(server.ctx)
    assert.equal((await server.post('/v1/Services', form, authorization)).status, 201)
  })

  test('a name that could not stand in a path is refused, as is one that is too long', async () => {
    for (const UniqueName of ['', 'a/b', 'ä', '-a', 'a'.repeat(51), `ZS${'0'.repeat(32)}`])
      assert.deepEqual(
        codeOf(await server.post('/v1/Services', { UniqueName, FriendlyName: 'x' })),
        [400, 60200],
      )
    const FriendlyName = 'x'.repeat(256)
    assert.deepEqual(
      codeOf(await server.post('/v1/Services', { UniqueName: 'a', FriendlyName })),
      [400, 60200],
    )
  })

  test('however long the name, a domain with the longest suffix has a legal label', async () => {
    const service = await makeService(server, { UniqueName: `A.${'b'.repeat(47)}_` })
    const form = { UniqueName: 'long', DomainSuffix: 'S'.repeat(16) }
    const { domain_name } = await make(server, `${service}/Environments`, form)
    const [label = ''] = domain_name.split('.')
    assert.equal(label.length, 63)
    assert.match(label, /^a-b{39}-\d{4}-s{16}$/)
  })

  test('an update changes what it names', async () => {
    const service = await makeService(server, { FriendlyName: 'Before' })
    const { body } = await server.post(service, { IncludeCredentials: false })
    assert.deepEqual([body.friendly_name, body.include_credentials], ['Before', false])
    assert.equal((await server.post(service, { FriendlyName: 'After' })).body.include_credentials, false)
    assert.equal((await server.get(service)).body.friendly_name, 'After')
  })

  test('deleted, it is 404 at once, its name is free, and nothing of it is left after the next round', async () => {
    const UniqueName = 'doomed'
    const service = await makeService(server, { UniqueName })
    const build = await makeBuild(server, service)
    const environment = await make(server, `${service}/Environments`, { UniqueName: 'dev' })
    const path = `${service}/Environments/${environment.sid}`
    await make(server, `${path}/Variables`, { Key: 'A', Value: 'b' })
    await make(server, `${path}/Deployments`, { BuildSid: build })
    await makeVersion(server, service, 'Assets', { path: '/never-built.txt', content: 'doomed' })
    const label = environment.domain_name.split('.')[0]
    assert.ok(await server.ctx.functions.deployed.find(label))

    assert.equal((await server.del(service)).status, 204)
    for (const gone of [
      service,
      path,
      `${path}/Variables`,
      `${service}/Functions`,
      `${service}/Builds/${build}`,
    ])
      assert.deepEqual(codeOf(await server.get(gone)), [404, 20404], gone)
    assert.deepEqual(codeOf(await server.del(service)), [404, 20404])
    assert.equal(await server.ctx.functions.deployed.find(label), undefined)
    await makeService(server, { UniqueName })

    await runBackground(server.ctx)
    const { read } = server.ctx.storage.system
    const sid = service.slice(-34)
    const left = await Promise.all([
      read.all`select sid from fn_service where sid = ${sid}`,
      read.all`select sid from fn_resource where service_sid = ${sid}`,
      read.all`select sid from fn_version where service_sid = ${sid}`,
      read.all`select sid from fn_build where service_sid = ${sid}`,
      read.all`select build_sid from fn_build_item where build_sid = ${build}`,
      read.all`select sid from fn_environment where service_sid = ${sid}`,
      read.all`select sid from fn_deployment where service_sid = ${sid}`,
      read.all`select sid from fn_variable where environment_sid = ${environment.sid}`,
      read.all`select b.hash from fn_blob b where not exists
        (select 1 from fn_version v where v.account_sid = b.account_sid and v.hash = b.hash)`,
    ])
    assert.deepEqual(left.flat(), [])
  })

  test('what two services share in content stays while one of them has it', async () => {
    const [one, other] = [await makeService(server), await makeService(server)]
    const shared = { path: '/shared', content: '// in both' }
    await makeVersion(server, one, 'Functions', shared)
    const { links } = await makeVersion(server, other, 'Functions', shared)
    await server.del(one)
    await runBackground(server.ctx)
    const { pathname } = new URL(links.function_version_content)
    assert.equal((await server.get(pathname)).body.content, '// in both')
  })

  test('an account has so many and no more', async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    await server.ctx.storage.system.write(async (tx) => {
      for (let n = 0; n < 500; n++)
        await tx.run`insert into fn_service (sid, account_sid, unique_name, friendly_name, include_credentials,
            ui_editable, domain_base, created_at, updated_at)
          values (${`ZS${sid.slice(2, 28)}${String(n).padStart(6, '0')}`}, ${sid}, ${`s${n}`}, '', 1, 0,
            ${`${sid}-${n}`}, 1, 1)`
    })
    const { status, body } = await server.post(
      '/v1/Services',
      { UniqueName: 'x', FriendlyName: 'x' },
      authorization,
    )
    assert.deepEqual(
      [status, body.code, body.message],
      [400, 20001, 'There may be at most 500 services in an account'],
    )
  })
})
