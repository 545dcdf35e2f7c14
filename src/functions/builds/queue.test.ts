import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { type FakeClock, fakeClock } from '../../../test/support/clock.ts'
import { type TestServer, testServer } from '../../../test/support/server.ts'
import { Secret } from '../../secret.ts'
import { newSid } from '../../storage/sid.ts'
import { openWall } from '../wall/wall.ts'
import type { Build } from './build.ts'
import { openBundles } from './bundle.ts'
import { openModules } from './install.ts'
import { BuildQueue } from './queue.ts'
import { deleteBuild, findBuild, findRunnable, insertBuild, leaseBuild } from './store.ts'

const SERVICE_SID = `ZS${'0'.repeat(32)}`
const RUNTIME = [{ name: '@twilio/runtime-handler', version: '2.1.0' }]
const PURE = [...RUNTIME, { name: 'pure', version: '^1.0.0' }]
const LOCK = '{"packages":{"":{},"node_modules/pure":{}}}'

describe('the queue of builds', () => {
  let server: TestServer
  let clock: FakeClock
  beforeEach(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  afterEach(() => server.close())

  /** One of a node, with a program in the place of npm. */
  async function openQueue(
    name: string,
    npm = '',
    refusal?: string,
  ): Promise<{ queue: BuildQueue; scratch: string }> {
    const { config, random } = server.ctx
    const scratch = join(config.dataDir, name)
    const place = join(scratch, 'programs')
    mkdirSync(join(place, 'bin'), { recursive: true })
    writeFileSync(join(place, 'bin/npm-cli.js'), `const fs = require('node:fs')\n${npm}`)
    symlinkSync('bin/npm-cli.js', join(place, 'npm'))
    const wall = await openWall(config, join(scratch, 'wall'), random)
    const modules = await openModules(scratch, { wall, clock, environment: new Secret({ PATH: place }) })
    const bundles = await openBundles(server.ctx, scratch, modules)
    return { queue: new BuildQueue(server.ctx, { modules, bundles, refusal }), scratch }
  }

  const NPM = `process.chdir(process.argv.find((flag) => flag.startsWith('--prefix=')).slice(9))
    fs.mkdirSync('node_modules/pure', { recursive: true })
    fs.writeFileSync('package-lock.json', ${JSON.stringify(LOCK)})`

  async function ask(dependencies = RUNTIME, accountSid = server.accountSid): Promise<string> {
    const now = clock.now()
    const build: Build = {
      sid: newSid('ZB', 0, now, server.ctx.random),
      accountSid,
      serviceSid: SERVICE_SID,
      status: 'building',
      reason: null,
      dependencies,
      runtime: 'node22',
      createdAtMs: now,
      updatedAtMs: now,
    }
    await server.ctx.storage.write((tx) => insertBuild(tx, build))
    return build.sid
  }

  async function show(sid: string): Promise<(string | null | undefined)[]> {
    const build = await findBuild(server.ctx.storage.read, server.accountSid, SERVICE_SID, sid)
    const runnable = await findRunnable(server.ctx.storage.read, server.accountSid, sid)
    return [build?.status, build?.reason, runnable?.lock]
  }

  /** When it may be taken; null once it is made. */
  async function dueAtMs(sid: string): Promise<number | null | undefined> {
    const { read } = server.ctx.storage.system
    return (await read.get<{ due_at: number | null }>`select due_at from fn_build where sid = ${sid}`)?.due_at
  }
  const isTaken = async (sid: string) => ((await dueAtMs(sid)) ?? 0) > clock.now()

  test('makes a build when it is told, installed and laid out', async () => {
    const { queue, scratch } = await openQueue('one', NPM)
    const sid = await ask(PURE)
    queue.wake()
    await queue.drained()
    assert.deepEqual(await show(sid), ['completed', null, LOCK])
    const dir = join(scratch, 'bundles', `${server.accountSid}.${sid}`)
    assert.ok(existsSync(join(dir, 'node_modules/pure')))
    assert.equal(await dueAtMs(sid), null)
  })

  test('finds what nobody told of, and what is told twice it makes once', async () => {
    const { queue, scratch } = await openQueue('one', `fs.appendFileSync('runs', '.')\n${NPM}`)
    queue.start()
    const sid = await ask(PURE)
    await clock.advance('1s')
    queue.wake()
    queue.wake()
    await queue.drained()
    assert.deepEqual(await show(sid), ['completed', null, LOCK])
    assert.ok(readdirSync(join(scratch, 'bundles')).length === 1)
    await queue.close()
  })

  test('says why one cannot be made', async () => {
    const { queue } = await openQueue('one', `console.error('npm error no such package'); process.exit(1)`)
    const [missing, foreign] = [await ask(PURE), await ask([{ name: 'x', version: 'git+ssh://host/x' }])]
    queue.wake()
    await queue.drained()
    assert.deepEqual(await show(missing), ['failed', 'npm: no such package', null])
    const reason = 'x: "git+ssh://host/x" is not a range of versions, as in ^1.2.0, or a tag'
    assert.deepEqual(await show(foreign), ['failed', reason, null])
  })

  test('makes none where Functions are refused', async () => {
    const { queue } = await openQueue('one', NPM, 'Functions do not run here')
    const sid = await ask()
    queue.wake()
    await queue.drained()
    assert.deepEqual(await show(sid), ['failed', 'Functions do not run here', null])
  })

  test('gives up after four minutes', async () => {
    const { queue, scratch } = await openQueue(
      'one',
      `fs.writeFileSync('running', ''); setInterval(() => {}, 1000)`,
    )
    const sid = await ask(PURE)
    queue.wake()
    while (!existsSync(join(scratch, 'npm/running'))) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance('4m')
    await queue.drained()
    assert.deepEqual(await show(sid), ['failed', 'Installing the dependencies took too long', null])
  })

  test('counts four minutes from when a node first took it, however long it waited', async () => {
    const { queue } = await openQueue('one')
    const { storage } = server.ctx
    const [waited, begun] = [await ask(), await ask()]
    const [nowMs, due] = [clock.now(), await dueAtMs(begun)]
    await storage.system.write((tx) => leaseBuild(tx, begun, due ?? 0, { nowMs, untilMs: nowMs + 20_000 }))
    await clock.advance('4m')
    queue.wake()
    await queue.drained()
    assert.deepEqual(await show(waited), ['completed', null, null])
    assert.deepEqual(await show(begun), ['failed', 'It was not made within four minutes', null])
  })

  test('one account holds up no other, whoever is making its builds', async () => {
    const wait = `fs.writeFileSync('running-' + process.hrtime.bigint(), '')
      setInterval(() => fs.existsSync('go') && process.exit(1), 10)`
    const { queue, scratch } = await openQueue('one', wait)
    const { storage } = server.ctx
    const packages = () => [{ name: `pure-${newSid('ZB', 0, 0, server.ctx.random)}`, version: '1' }]
    const mine: string[] = []
    for (let n = 0; n < 6; n++) mine.push(await ask(packages()))
    // By another node.
    const [nowMs, due] = [clock.now(), await dueAtMs(mine[0] ?? '')]
    await storage.system.write((tx) =>
      leaseBuild(tx, mine[0] ?? '', due ?? 0, { nowMs, untilMs: nowMs + 20_000 }),
    )
    await clock.advance('1s')
    const theirs: string[] = []
    for (let n = 0; n < 2; n++) theirs.push(await ask(packages(), (await addAccount(server.ctx)).sid))
    queue.wake()
    const home = join(scratch, 'npm')
    const running = () => readdirSync(home).filter((name) => name.startsWith('running-')).length
    while (running() < 2) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(await Promise.all(theirs.map(isTaken)), [true, true])
    assert.deepEqual(await Promise.all(mine.map(isTaken)), [true, false, false, false, false, false])
    writeFileSync(join(home, 'go'), '')
    await queue.close()
  })

  test('has two under way at most, and the others in their turn', async () => {
    const wait = `fs.writeFileSync('running-' + process.hrtime.bigint(), '')
      setInterval(() => fs.existsSync('go') && process.exit(1), 10)`
    const { queue, scratch } = await openQueue('one', wait)
    const sids = await Promise.all([1, 2, 3].map((n) => ask([{ name: `pure-${n}`, version: '1' }])))
    queue.start()
    queue.wake()
    const home = join(scratch, 'npm')
    const running = () => readdirSync(home).filter((name) => name.startsWith('running-')).length
    while (running() < 2) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance('10s')
    const taken = await Promise.all(sids.map(isTaken))
    assert.equal(taken.filter(Boolean).length, 2)
    writeFileSync(join(home, 'go'), '')
    while ((await Promise.all(sids.map(show))).some(([status]) => status === 'building')) {
      await clock.advance('1s')
      await queue.drained()
    }
    assert.equal(running(), 3)
    await queue.close()
  })

  test('leaves to a node what that is making, and takes it when the node is gone', async () => {
    const sid = await ask()
    const { storage } = server.ctx
    const { queue } = await openQueue('other')
    if (storage.engine === 'postgres') queue.start()
    const [nowMs, due] = [clock.now(), await dueAtMs(sid)]
    await storage.system.write((tx) => leaseBuild(tx, sid, due ?? 0, { nowMs, untilMs: nowMs + 20_000 }))
    await clock.advance('2s')
    await queue.drained()
    assert.deepEqual(await show(sid), ['building', null, null])
    // Where one process owns the file, whoever starts knows that the node is gone.
    if (storage.engine === 'sqlite') queue.start()
    else await clock.advance('19s')
    await queue.drained()
    await clock.advance('1s')
    await queue.drained()
    assert.deepEqual(await show(sid), ['completed', null, null])
    await queue.close()
  })

  test('keeps what takes long', async () => {
    const { queue, scratch } = await openQueue(
      'one',
      `fs.writeFileSync('running', ''); setInterval(() => {}, 1000)`,
    )
    const sid = await ask(PURE)
    queue.wake()
    while (!existsSync(join(scratch, 'npm/running'))) await new Promise((resolve) => setImmediate(resolve))
    const leaseMs = async () => ((await dueAtMs(sid)) ?? 0) - clock.now()
    for (let n = 0; n < 12; n++) {
      await clock.advance('5s')
      assert.ok((await leaseMs()) > 0, `after ${n} turns`)
      // A renewal is a unit of work, which takes its time.
      while ((await leaseMs()) <= 10_000) await new Promise((resolve) => setImmediate(resolve))
    }
    await clock.advance('4m')
    await queue.drained()
  })

  test('leaves to others what is under way when it closes', async () => {
    const { queue, scratch } = await openQueue(
      'one',
      `fs.writeFileSync('running', ''); setInterval(() => {}, 1000)`,
    )
    const sid = await ask(PURE)
    queue.wake()
    while (!existsSync(join(scratch, 'npm/running'))) await new Promise((resolve) => setImmediate(resolve))
    await queue.close()
    assert.deepEqual(await show(sid), ['building', null, null])
    await clock.advance('20s')
    const { queue: other } = await openQueue('other', NPM)
    other.start()
    await clock.advance('1s')
    await other.drained()
    assert.deepEqual(await show(sid), ['completed', null, LOCK])
    await other.close()
  })

  test('forgets one that was deleted meanwhile', async () => {
    const { queue } = await openQueue('one', NPM)
    const sid = await ask(PURE)
    queue.wake()
    await server.ctx.storage.write((tx) => deleteBuild(tx, server.accountSid, sid))
    await queue.drained()
    assert.deepEqual(await show(sid), [undefined, undefined, undefined])
    assert.deepEqual(
      server.logged.filter((line) => line.includes('"error"')),
      [],
    )
  })
})
