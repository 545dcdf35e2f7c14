import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, mock, test } from 'node:test'
import { type TimerlessClock, timerlessClock } from '../../../test/support/clock.ts'
import { leaveBuildsDue, make, makeBuild, makeService } from '../../../test/support/functions.ts'
import { type TestServer, testServer } from '../../../test/support/server.ts'
import { runBackground } from '../../operations/background.ts'
import type { Deployed } from '../deployed.ts'

const REQUEST = `RQ${'a'.repeat(32)}`
const [ONE, OTHER] = [`ZH${'1'.repeat(32)}`, `ZH${'2'.repeat(32)}`]
const DAY_MS = 86_400_000

describe('logs', () => {
  let clock: TimerlessClock
  let server: TestServer
  let service: string
  let path: string
  let deployed: Deployed
  before(async () => {
    clock = timerlessClock()
    server = await testServer({ clock })
    leaveBuildsDue(server)
    service = await makeService(server)
  })
  after(() => server.close())
  let environments = 0
  beforeEach(async () => {
    const name = `e${environments++}`
    const made = await make(server, `${service}/Environments`, { UniqueName: name, DomainSuffix: name })
    path = `${service}/Environments/${made.sid}`
    await make(server, `${path}/Deployments`, { BuildSid: await makeBuild(server, service) })
    const found = await server.ctx.functions.deployed.find(made.domain_name.split('.')[0])
    assert.ok(found)
    deployed = found
  })

  const say = (
    message: string,
    functionSid: string | null = ONE,
    level: 'info' | 'warn' | 'error' = 'info',
  ) => server.ctx.functions.logs.add({ deployed, functionSid, requestSid: REQUEST, level, message })
  const flush = () => server.ctx.functions.logs.flush()
  const read = async (query = '') => (await server.get(`${path}/Logs${query}`)).body.logs
  const messages = async (query = '') =>
    (await read(query)).map(({ message }: { message: string }) => message)

  test('a line tells what said it; nothing is written before the flush', async () => {
    say('hello', ONE, 'error')
    assert.deepEqual(await read(), [])
    await flush()
    const [line] = await read()
    assert.match(line.sid, /^NO[0-9a-f]{32}$/)
    assert.deepEqual(
      [line.level, line.message, line.function_sid, line.request_sid, line.build_sid, line.deployment_sid],
      ['error', 'hello', ONE, REQUEST, deployed.buildSid, deployed.deploymentSid],
    )
    assert.deepEqual((await server.get(`${path}/Logs/${line.sid}`)).body, line)
  })

  test('newest first, those of one millisecond too', async () => {
    for (let n = 0; n < 20; n++) say(String(n))
    await flush()
    const expected = Array.from({ length: 20 }, (_, n) => String(19 - n))
    assert.deepEqual(await messages(), expected)
    const first = await server.get(`${path}/Logs?PageSize=15`)
    const { pathname, search } = new URL(first.body.meta.next_page_url)
    const second = (await server.get(pathname + search)).body.logs
    assert.deepEqual(
      second.map(({ message }: { message: string }) => message),
      expected.slice(15),
    )
  })

  test('by function and by time', async () => {
    say('early')
    clock.pass(3_600_000)
    say('of one')
    say('of the other', OTHER)
    await flush()
    assert.deepEqual(await messages(`?FunctionSid=${OTHER}`), ['of the other'])
    const now = new Date(clock.now()).toISOString()
    assert.deepEqual(await messages(`?StartDate=${now}`), ['of the other', 'of one'])
    assert.deepEqual(await messages(`?EndDate=${new Date(clock.now() - 1_000).toISOString()}`), ['early'])
    assert.equal((await server.get(`${path}/Logs?FunctionSid=x`)).status, 400)
  })

  test('of more than a thousand lines a flush, the rest is one line that says how many', async () => {
    for (let n = 0; n < 1_500; n++) say(`line ${n}`)
    await flush()
    const lines = await messages('?PageSize=1000')
    assert.deepEqual(lines.slice(0, 2), ['500 more lines were dropped', 'line 999'])
    say('afterwards')
    await flush()
    assert.equal((await messages())[0], 'afterwards')
  })

  test('a line about others that were dropped counts for as many, where it is dropped itself', async () => {
    for (let n = 0; n < 1_000; n++) say(`line ${n}`)
    const { logs } = server.ctx.functions
    const message = '108 more lines of this invocation were dropped'
    logs.add({ deployed, functionSid: ONE, requestSid: REQUEST, level: 'warn', message, lines: 108 })
    say('one more')
    await flush()
    assert.equal((await messages())[0], '109 more lines were dropped')
  })

  test('long lines are cut, and do not fill the memory', async () => {
    for (let n = 0; n < 100; n++) say('x'.repeat(100_000))
    await flush()
    const lines = await messages('?PageSize=1000')
    assert.match(lines[0], /^\d+ more lines were dropped$/)
    assert.equal(lines.length, 65)
    assert.equal(lines[1].length, 16 * 1024)
  })

  test('what no database takes as text is kept as well as can be', async () => {
    say('a\0b\ud800c')
    await flush()
    assert.deepEqual(await messages(), ['a\ufffdb\ufffdc'])
  })

  test('what could not be written waits, and comes once', async () => {
    const { system } = server.ctx.storage
    say('patient')
    const write = mock.method(system, 'write', () => Promise.reject(new Error('disk full')), { times: 1 })
    await assert.rejects(flush(), /disk full/)
    write.mock.restore()
    await Promise.all([flush(), flush()])
    assert.deepEqual(await messages(), ['patient'])
  })

  test('kept for seven days', async () => {
    say('old')
    await flush()
    clock.pass(7 * DAY_MS - 1_000)
    await runBackground(server.ctx)
    assert.deepEqual(await messages(), ['old'])
    clock.pass(2_000)
    await runBackground(server.ctx)
    assert.deepEqual(await messages(), [])
  })
})
