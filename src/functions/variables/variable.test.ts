import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { make, makeService } from '../../../test/support/functions.ts'
import { type Form, type TestServer, testServer } from '../../../test/support/server.ts'

describe('variables', () => {
  let server: TestServer
  let path: string
  let label: string
  before(async () => {
    server = await testServer()
    const service = await makeService(server)
    const { sid, domain_name } = await make(server, `${service}/Environments`, { UniqueName: 'dev' })
    path = `${service}/Environments/${sid}/Variables`
    label = domain_name.split('.')[0]
  })
  after(() => server.close())

  const codeOf = ({ status, body }: { status: number; body: { code: number } }) => [status, body.code]
  const seen = async () => (await server.ctx.functions.deployed.find(label))?.variables

  test('are read in full, and each change counts at once', async () => {
    const made = await make(server, path, { Key: 'MY_VAR', Value: 'hello world & more = ü' })
    assert.match(made.sid, /^ZV[0-9a-f]{32}$/)
    assert.equal(made.value, 'hello world & more = ü')
    assert.deepEqual((await server.get(path)).body.variables, [made])
    assert.deepEqual(await seen(), { MY_VAR: 'hello world & more = ü' })
    const changed = await server.post(`${path}/${made.sid}`, { Key: 'MY_VAR', Value: 'new' })
    assert.deepEqual([changed.status, changed.body.value], [200, 'new'])
    assert.deepEqual(await seen(), { MY_VAR: 'new' })
    await server.post(`${path}/${made.sid}`, { Key: 'RENAMED' })
    assert.deepEqual(await seen(), { RENAMED: 'new' })
    assert.equal((await server.del(`${path}/${made.sid}`)).status, 204)
    assert.deepEqual(await seen(), {})
    assert.deepEqual(codeOf(await server.get(`${path}/${made.sid}`)), [404, 20404])
  })

  test('a value is sealed in the database, and in no event and no log', async () => {
    const secret = 'correct horse battery staple'
    const { sid } = await make(server, path, { Key: 'SECRET', Value: secret })
    await server.post(`${path}/${sid}`, { Value: `${secret} 2` })
    const { read } = server.ctx.storage.system
    const row = await read.get<{ value: Uint8Array }>`select value from fn_variable where sid = ${sid}`
    assert.ok(row && !Buffer.from(row.value).includes('horse'))
    const events = await read.all<{ data: string }>`select data from audit_event where resource_sid = ${sid}`
    assert.equal(events.length, 2)
    assert.ok(events.every(({ data }) => data.includes('SECRET') && !data.includes('horse')))
    assert.ok(!server.logged.join('').includes('horse'))
  })

  test('a key is there once', async () => {
    await make(server, path, { Key: 'ONE', Value: '1' })
    const two = await make(server, path, { Key: 'TWO', Value: '2' })
    assert.deepEqual(codeOf(await server.post(path, { Key: 'ONE', Value: 'x' })), [409, 20409])
    assert.deepEqual(codeOf(await server.post(`${path}/${two.sid}`, { Key: 'ONE' })), [409, 20409])
    assert.deepEqual(await seen(), { ...(await seen()), ONE: '1', TWO: '2' })
    const racing = await Promise.all([1, 2, 3].map((Value) => server.post(path, { Key: 'RACE', Value })))
    assert.deepEqual(racing.map(({ status }) => status).sort(), [201, 409, 409])
  })

  test('limits of key and value', async () => {
    await make(server, path, { Key: 'k'.repeat(128), Value: 'v'.repeat(450) })
    await make(server, path, { Key: 'EMPTY', Value: '' })
    const refused: Form[] = [
      { Key: 'k'.repeat(129), Value: 'x' },
      { Key: '', Value: 'x' },
      { Key: 'A=B', Value: 'x' },
      { Key: 'A', Value: 'v'.repeat(451) },
      { Key: 'A', Value: 'ü'.repeat(226) },
      { Key: 'A' },
    ]
    for (const form of refused)
      assert.deepEqual(codeOf(await server.post(path, form)), [400, 60200], JSON.stringify(form))
  })
})
