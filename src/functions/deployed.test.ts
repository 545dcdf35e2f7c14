import assert from 'node:assert/strict'
import { after, before, describe, mock, test } from 'node:test'
import { postgresUrl } from '../../test/support/engines.ts'
import { leaveBuildsDue, make, makeBuild, makeService } from '../../test/support/functions.ts'
import { type TestServer, testServer } from '../../test/support/server.ts'
import { keepDeployed } from './deployed.ts'

describe('what is deployed', () => {
  let server: TestServer
  let environment: string
  let label: string
  before(async () => {
    server = await testServer()
    leaveBuildsDue(server)
    const service = await makeService(server)
    const made = await make(server, `${service}/Environments`, { UniqueName: 'dev' })
    environment = `${service}/Environments/${made.sid}`
    label = made.domain_name.split('.')[0]
    await make(server, `${environment}/Deployments`, { BuildSid: await makeBuild(server, service) })
  })
  after(() => server.close())

  test('is looked up once while nothing changes, also for requests that come together', async () => {
    const { deployed } = server.ctx.functions
    const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => deployed.find(label)))
    assert.deepEqual([...(first?.functions.keys() ?? [])], ['/hello'])
    for (const other of [...others, await deployed.find(label)]) assert.equal(other, first)
  })

  test('a domain that nobody has is nothing', async () => {
    assert.equal(await server.ctx.functions.deployed.find('nobody-1234'), undefined)
  })

  test('a look-up that fails is tried again', async () => {
    const { storage, vault } = server.ctx
    const kept = keepDeployed({ storage, vault })
    const read = mock.method(storage.read, 'all', () => Promise.reject(new Error('gone')), { times: 1 })
    await assert.rejects(kept.find(label), /gone/)
    read.mock.restore()
    assert.equal((await kept.find(label))?.label, label)
  })

  if (postgresUrl) {
    test('what another node changes counts at the next look', async () => {
      const other = keepDeployed(server.ctx)
      assert.deepEqual((await other.find(label))?.variables, {})
      const { sid } = await make(server, `${environment}/Variables`, { Key: 'A', Value: '1' })
      assert.deepEqual((await other.find(label))?.variables, { A: '1' })
      await server.post(`${environment}/Variables/${sid}`, { Value: '2' })
      assert.deepEqual((await other.find(label))?.variables, { A: '2' })
      await make(server, `${environment}/Deployments`, {})
      assert.equal((await other.find(label))?.buildSid, null)
      await server.del(environment)
      assert.equal(await other.find(label), undefined)
    })
  }
})
