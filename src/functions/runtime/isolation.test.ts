/** What a function does harms its own invocation, and nothing else. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fakeClock } from '../../../test/support/clock.ts'
import { type FunctionLab, functionLab, NO_WALL } from '../../../test/support/function-lab.ts'
import { BuildFailure } from '../builds/failure.ts'
import type { Deployed } from '../deployed.ts'
import { MAX_LINE_BYTES, MAX_LOG_BYTES } from './runner.ts'

const COUNTER = 'let count = 0; exports.handler = (c, e, callback) => callback(null, String(++count))'
const run = (code: string) => `exports.handler = (context, event, callback) => { ${code} }`

/** A line of the log, that tells what the function is doing. */
const BEGUN = 'console.log("begun");'
const SOURCES = {
  '/counter': COUNTER,
  '/exit': run('process.exit(3)'),
  '/abort': run('process.abort()'),
  '/throw-later': run('setTimeout(() => { throw new Error("later") }, 0)'),
  '/loop': run(`${BEGUN} for (;;);`),
  '/silence': run(BEGUN),
  '/kill-parent': run('process.kill(process.ppid, "SIGKILL"); callback(null, "sent")'),
  '/kill-group': run('process.kill(0, "SIGKILL"); callback(null, "sent")'),
  '/kill-all': run('process._kill(-1, 9); callback(null, "sent")'),
  '/heap': run('const all = []; for (;;) all.push(new Array(10000).fill({}).map(() => ({ a: 1 })))'),
  '/buffers': run('const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1))'),
  '/fork': run(
    'for (let i = 0; i < 100; i++) require("node:child_process").fork(__filename); callback(null, "forked")',
  ),
  '/worker': run('new (require("node:worker_threads").Worker)(__filename); callback(null, "started")'),
  '/addon': run('process.dlopen({ exports: {} }, "/lib/x.node"); callback(null, "loaded")'),
  '/logs': run('for (let i = 0; i < 200000; i++) console.log("x".repeat(10000)); callback(null, "said")'),
  '/output': run(`${BEGUN} for (;;) process.stdout.write("x".repeat(100000) + "\\n")`),
  '/large': run('callback(null, "x".repeat(7 << 20))'),
  '/huge': run('callback(null, new Twilio.Response({ body: Buffer.alloc(64 << 20) }))'),
  '/header': run('callback(null, new Twilio.Response({ headers: { "X-Large": "x".repeat(1 << 20) } }))'),
  '/frame': run(
    'require("node:fs").writeSync(3, Buffer.alloc(4, 255)); setTimeout(() => callback(null, "ok"), 1000)',
  ),
  '/noise': run(
    'for (let i = 0; i < 100; i++) require("node:fs").writeSync(3, Buffer.from("6,,,some words"))',
  ),
  '/chatter':
    run(`const { writeSync } = require('node:fs'); const frame = Buffer.from([7, 0, 0, 0, 4, 2, 0, 0, 0, 123, 125])
    for (;;) try { writeSync(3, frame) } catch {}`),
  '/kind': run(
    `require('node:fs').writeSync(3, Buffer.from([7, 0, 0, 0, 77, 2, 0, 0, 0, 123, 125])); ${BEGUN}`,
  ),
  '/again':
    run(`const head = Buffer.from('{"status":200,"headers":[]}'), frame = Buffer.alloc(9 + head.length)
    frame.writeUInt32LE(frame.length - 4); frame[4] = 5; frame.writeUInt32LE(head.length, 5); frame.set(head, 9)
    callback(null, 'once'); setTimeout(() => require('node:fs').writeSync(3, frame), 1)`),
  '/feign': run('require("node:fs").writeSync(4, Buffer.from([77])); process.exit(1)'),
  '/deep':
    run(`const fs = require('node:fs'), { join } = require('node:path'), home = require('node:os').tmpdir()
    const steps = Array(18).fill('x'.repeat(200)).join('/')
    for (const half of ['a', 'b']) fs.mkdirSync(join(home, half, steps), { recursive: true })
    fs.renameSync(join(home, 'b'), join(home, 'a', steps, 'b')); callback(null, 'made')`),
  '/close': run(`${BEGUN} require("node:fs").closeSync(3)`),
  '/hold': run('globalThis.held = Buffer.alloc(100 << 20, 1); console.log("held")'),
  '/fill': run(`const fs = require('node:fs'), { join } = require('node:path')
    const file = fs.openSync(join(require('node:os').tmpdir(), 'file'), 'w'), megabyte = Buffer.alloc(1 << 20)
    let megabytes = 0
    try { for (;;) megabytes += fs.writeSync(file, megabyte) >> 20 } catch (error) { fs.closeSync(file); callback(null, { megabytes, code: error.code }) }`),
  '/descriptors': run(`const fs = require('node:fs'), files = []
    for (let fd = 0; fd < 256; fd++) try { if (fs.fstatSync(fd).isFile()) files.push(fd) } catch {}
    callback(null, files)`),
  '/progress': run(`const { writeSync } = require('node:fs'); let bytes = 0
    try { for (;;) bytes += writeSync(4, Buffer.alloc(1 << 16)) } catch (error) { callback(null, { bytes, code: error.code }) }`),
  '/slow': run('console.log("slow"); setTimeout(() => callback(null, "done"), 1500)'),
  '/read-server': run('callback(null, require("node:fs").readFileSync("/etc/passwd", "utf8"))'),
  '/late-loop': run(
    'setTimeout(() => { console.log("looping"); for (;;); }, 20); callback(null, "answered")',
  ),
  '/late-throw': run('setTimeout(() => { throw new Error("too late") }, 0); callback(null, "answered")'),
}

/** Waits for something that real processes do, in real time; the run's time limit is the end of it. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve))
}

const saidBy = (lab: FunctionLab, line: string) => () => lab.logged.includes(line)

/** Every child has a folder of its own while it lives. */
const places = async (lab: FunctionLab) => (await readdir(join(lab.scratch, 'tmp'))).length
const noneLeft = (lab: FunctionLab) => async () => (await places(lab)) === 0

describe('in real time', () => {
  let lab: FunctionLab
  let neighbour: Deployed
  let count = 0
  before(async () => {
    lab = await functionLab(SOURCES)
    neighbour = await lab.deploy({ environmentSid: 'ZE2' })
  })
  after(() => lab.close())

  /** The neighbour's child is the one that it was before, and a new one serves the environment of the culprit. */
  async function assertUnharmed() {
    assert.equal((await lab.call('/counter', { deployed: neighbour })).text, String(++count))
    assert.match((await lab.call('/counter')).text, /^\d+$/)
  }

  for (const [path, reason] of [
    ['/exit', /exited with 3/],
    // The first process of a name-space cannot be aborted; what comes next ends it.
    ['/abort', /SIGABRT|SIGSEGV|SIGTRAP/],
    ['/heap', /memory|SIGABRT|SIGTRAP|exited with/],
    ['/buffers', /more than 256 MB/],
  ] as const) {
    test(`${path} ends its own process`, async () => {
      const { outcome, reason: told } = await lab.call(path)
      assert.equal(outcome, 'crashed')
      assert.match(told ?? '', reason)
      assert.equal(lab.logged.at(-1), `error runtime application exited: ${told}`)
      await assertUnharmed()
    })
  }

  for (const [path, message] of [
    ['/throw-later', /^later$/],
    ['/kill-parent', /signals to itself only/],
    ['/kill-group', /signals to itself only/],
    ['/kill-all', /signals to itself only/],
    ['/fork', /restricted/],
    ['/worker', /restricted/],
    ['/addon', /addon|dlopen|restricted/i],
    ['/read-server', /restricted/],
  ] as const) {
    test(`${path} is an error of its own`, async () => {
      const { status, text } = await lab.call(path)
      assert.equal(status, 500)
      assert.match(JSON.parse(text).message, message)
      await assertUnharmed()
    })
  }

  for (const path of ['/large', '/huge', '/frame', '/noise', '/chatter', '/kind']) {
    test(`${path} is no answer`, async () => {
      const { outcome, reason } = await lab.call(path)
      assert.equal(outcome, 'broken')
      const message = `error runtime application answered what cannot be sent: ${reason}`
      assert.equal(lab.logged.at(-1), message)
      await assertUnharmed()
    })
  }

  test('who writes without end fills a folder in memory, and no disk', async (t) => {
    if (lab.wall.kind === 'none') return t.skip(lab.wall.describe())
    assert.deepEqual(JSON.parse((await lab.call('/fill')).text), { megabytes: 64, code: 'ENOSPC' })
    const onDisk = await readdir(join(lab.scratch, 'tmp'), { recursive: true })
    assert.deepEqual(
      onDisk.filter((name) => !/^c\w+(\/(tmp|out|out\/proxy))?$/.test(name)),
      [],
    )
    await assertUnharmed()
  })

  test('a child holds no file open that it could write to, and its pipes are soon full', async () => {
    assert.deepEqual(JSON.parse((await lab.call('/descriptors')).text), [])
    const { bytes, code } = JSON.parse((await lab.call('/progress')).text)
    assert.equal(code, 'EAGAIN')
    assert.ok(bytes < 1024 * 1024)
    // What comes next is begun once, though the pipe is full.
    await lab.call('/slow')
    assert.equal(lab.logged.filter((line) => line === 'info slow').length, 1)
    await assertUnharmed()
  })

  test('a header that is too long is refused', async () => {
    const { status, text } = await lab.call('/header')
    assert.deepEqual([status, text], [431, 'Response headers or cookies too long'])
    await assertUnharmed()
  })

  test('a bomb of logs is cut to lines of 4 KB, as many as come to 256 KB, and how many more there were', async () => {
    lab.logged.length = 0
    assert.equal((await lab.call('/logs')).text, 'said')
    const kept = MAX_LOG_BYTES / MAX_LINE_BYTES
    assert.equal(lab.logged.length, kept + 1)
    assert.equal(lab.logged[0], `info ${'x'.repeat(4096)}`)
    assert.equal(lab.logged.at(-1), `warn ${200_000 - kept} more lines of this invocation were dropped`)
    assert.deepEqual(lab.dropped, [200_000 - kept])
    await assertUnharmed()
  })

  test('what is thrown after the answer changes nothing about it', async () => {
    assert.equal((await lab.call('/late-throw')).text, 'answered')
    await until(() => lab.logged.some((line) => line.startsWith('error Error: too late')))
    await assertUnharmed()
  })

  test('a child that stays busy with nothing to do is ended', async () => {
    const own = await functionLab(SOURCES)
    assert.equal((await own.call('/late-loop')).text, 'answered')
    await until(noneLeft(own))
    assert.equal((await own.call('/counter')).text, '1')
    await own.close()
    await assertUnharmed()
  })
})

test('a child that answers again, unasked, is ended', async () => {
  const lab = await functionLab(SOURCES)
  assert.equal((await lab.call('/again')).text, 'once')
  await until(noneLeft(lab))
  assert.equal((await lab.call('/counter')).text, '1')
  await lab.close()
})

describe('in time that is told', () => {
  for (const path of ['/loop', '/silence', '/output', '/close']) {
    test(`${path}: 10 seconds, then it is over`, async () => {
      const clock = fakeClock()
      const lab = await functionLab(SOURCES, { clock })
      const call = lab.call(path)
      await until(saidBy(lab, 'info begun'))
      await clock.advance('9.9s')
      assert.ok(!lab.logged.some((line) => line.includes('timed out')))
      await clock.advance('100ms')
      assert.equal((await call).outcome, 'timeout')
      assert.match(lab.logged.at(-1) ?? '', /^error runtime application timed out after 10000ms using \d+MB$/)
      assert.equal((await lab.call('/counter')).text, '1')
      await lab.close()
    })
  }

  test('an invocation that finds its child busy with what an earlier one left is done by another', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock })
    assert.equal((await lab.call('/late-loop')).text, 'answered')
    await until(saidBy(lab, 'info looping'))
    const call = lab.call('/counter')
    await clock.advance('1s')
    await clock.advance('100ms')
    assert.equal((await call).text, '1')
    // And that one is watched as any.
    await clock.advance('301s')
    await until(noneLeft(lab))
    await lab.close()
  })

  test('ten children at most; who waits longer than 2 seconds is turned away, and the 201st at once', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock, memoryMb: 2048 })
    const calls = Array.from({ length: 12 }, () => lab.call('/silence'))
    const begun = () => lab.logged.filter((line) => line === 'info begun').length
    await until(() => begun() === 1)
    for (let children = 2; children <= 10; children++) {
      await clock.advance('50ms')
      await until(() => begun() === children)
    }
    const more = Array.from({ length: 199 }, () => lab.call('/counter'))
    assert.equal((await more.at(-1))?.outcome, 'busy')
    await clock.advance('2s')
    assert.equal((await calls.at(-1))?.outcome, 'busy')
    assert.equal((await more[0])?.outcome, 'busy')
    assert.equal(begun(), 10)
    await lab.close()
    assert.equal((await calls[0])?.outcome, 'busy')
  })

  test('beyond the memory of all there is no second child; an idle one of somebody else makes room for a first', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock, memoryMb: 80 })
    const deployed = await lab.deploy({ environmentSid: 'ZE2' })
    assert.equal((await lab.call('/counter')).text, '1')
    assert.equal((await lab.call('/counter')).text, '2')
    assert.equal((await lab.call('/counter', { deployed })).text, '1')
    const [first, second] = [lab.call('/silence', { deployed }), lab.call('/silence', { deployed })]
    await until(saidBy(lab, 'info begun'))
    await clock.advance('2s')
    assert.equal((await second).outcome, 'busy')
    await clock.advance('8s')
    assert.equal((await first).outcome, 'timeout')
    assert.equal((await lab.call('/counter')).text, '1')
    await lab.close()
  })

  test('children that are being started take of the memory as well', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock, memoryMb: 200 })
    for (let i = 0; i < 12; i++) {
      const deployed = await lab.deploy({ environmentSid: `ZE${i}` })
      void lab.call('/silence', { deployed })
    }
    await until(() => lab.logged.length >= 4)
    assert.equal(await places(lab), 4)
    await lab.close()
  })

  test('of the memory that others wait for an account has half', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock, memoryMb: 130 })
    const [second, other] = [
      await lab.deploy({ environmentSid: 'ZE2' }),
      await lab.deploy({ environmentSid: 'ZE3', accountSid: `AC${'2'.repeat(32)}` }),
    ]
    void lab.call('/silence', { deployed: second })
    const first = lab.call('/slow')
    const next = lab.call('/silence')
    await until(() => lab.logged.length === 2)
    const call = lab.call('/counter', { deployed: other })
    assert.equal((await first).text, 'done')
    await clock.advance('100ms')
    assert.equal((await call).text, '1')
    await clock.advance('2s')
    assert.equal((await next).outcome, 'busy')
    await lab.close()
  })

  test('of children that grow beyond the memory of all the largest ends', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock, memoryMb: 150 })
    const deployed = await lab.deploy({ environmentSid: 'ZE2' })
    const [small, large] = [lab.call('/silence', { deployed }), lab.call('/hold')]
    await until(saidBy(lab, 'info begun'))
    await until(saidBy(lab, 'info held'))
    let ended: Awaited<typeof large> | undefined
    void large.then((answer) => (ended = answer))
    // Until it is known which process to measure.
    await until(() => clock.advance('50ms').then(() => ended !== undefined))
    assert.deepEqual([ended?.outcome, /used the most/.test(ended?.reason ?? '')], ['crashed', true])
    await lab.close()
    assert.equal((await small).outcome, 'busy')
  })

  test('what a child has written takes of the memory', async (t) => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock, memoryMb: 140 })
    if (lab.wall.kind === 'none') {
      await lab.close()
      return t.skip(lab.wall.describe())
    }
    const deployed = await lab.deploy({ environmentSid: 'ZE2' })
    assert.equal((await lab.call('/counter')).text, '1')
    await lab.call('/fill')
    assert.equal((await lab.call('/counter')).text, '2')
    await clock.advance('1s')
    assert.equal((await lab.call('/counter', { deployed })).text, '1')
    // There was room for both, but for that.
    assert.equal((await lab.call('/counter')).text, '1')
    await lab.close()
  })

  test('an idle child ends after five minutes; a retired one when it is idle', async () => {
    const clock = fakeClock()
    const lab = await functionLab(SOURCES, { clock })
    assert.equal((await lab.call('/counter')).text, '1')
    await clock.advance('4m')
    assert.equal((await lab.call('/counter')).text, '2')
    await clock.advance('301s')
    await until(noneLeft(lab))
    assert.equal((await lab.call('/counter')).text, '1')
    lab.pools.retire('ZE1')
    assert.equal((await lab.call('/counter')).text, '1')
    await lab.close()
  })
})

test('who crashes again and again waits longer and longer for the next start', async () => {
  const clock = fakeClock()
  const lab = await functionLab(SOURCES, { clock })
  assert.equal((await lab.call('/exit')).outcome, 'crashed')
  await until(noneLeft(lab))
  const call = lab.call('/exit')
  assert.equal(await places(lab), 0)
  await clock.advance('50ms')
  assert.equal((await call).outcome, 'crashed')
  await until(noneLeft(lab))
  const another = lab.call('/counter')
  await clock.advance('50ms')
  assert.equal(await places(lab), 0)
  await clock.advance('50ms')
  assert.equal((await another).text, '1')
  await lab.close()
})

test('so does who crashes and says that it did not even begin', async () => {
  const clock = fakeClock()
  const lab = await functionLab(SOURCES, { clock })
  const call = lab.call('/feign')
  await until(async () => (await places(lab)) === 1)
  await until(noneLeft(lab))
  // It would have been started again by now.
  await clock.advance('10ms')
  assert.equal(await places(lab), 0)
  await lab.close()
  assert.equal((await call).outcome, 'busy')
})

test('what could not be started leaves nothing, is told to both, and is tried again after five seconds', async () => {
  const clock = fakeClock()
  let tries = 0
  const listen = () => {
    tries++
    return Promise.reject(new Error('no descriptor is left'))
  }
  const lab = await functionLab(SOURCES, { clock, egress: { rootPem: '', listen } })
  for (let i = 0; i < 3; i++) {
    const { outcome, reason } = await lab.call('/counter')
    assert.deepEqual([outcome, reason], ['crashed', 'no descriptor is left'])
  }
  assert.equal(tries, 1)
  assert.deepEqual(lab.logged, Array(3).fill('error runtime application could not be started'))
  assert.deepEqual(lab.complaints, [{ environmentSid: 'ZE1', reason: 'no descriptor is left' }])
  assert.equal(await places(lab), 0)
  await clock.advance('5s')
  await lab.call('/counter')
  assert.equal(tries, 2)
  await lab.close()
})

test('that a package cannot be installed is told to who wants it', async () => {
  const listen = () => Promise.reject(new BuildFailure('npm: no such package'))
  const lab = await functionLab(SOURCES, { egress: { rootPem: '', listen } })
  await lab.call('/counter')
  assert.deepEqual(lab.logged, ['error runtime application could not be started: npm: no such package'])
  await lab.close()
})

test('without a wall what a child wrote goes with it, however deep it is', async () => {
  const lab = await functionLab(SOURCES, { wall: NO_WALL })
  assert.equal((await lab.call('/deep')).text, 'made')
  await lab.call('/exit')
  await until(noneLeft(lab))
  assert.deepEqual(lab.complaints, [])
  await lab.close()
})

test('without a wall the seat belts hold', async () => {
  const lab = await functionLab(SOURCES, { wall: NO_WALL })
  for (const path of ['/kill-parent', '/kill-group', '/kill-all', '/fork', '/read-server']) {
    assert.equal((await lab.call(path)).status, 500, path)
  }
  assert.equal((await lab.call('/exit')).outcome, 'crashed')
  assert.equal((await lab.call('/counter')).text, '1')
  await lab.close()
})

test('where functions need a wall and there is none, none runs', async () => {
  const lab = await functionLab(SOURCES, { wall: { ...NO_WALL, refusal: 'no wall here' } })
  assert.deepEqual(await lab.call('/counter').then(({ outcome, reason }) => [outcome, reason]), [
    'crashed',
    'no wall here',
  ])
  await lab.close()
})
