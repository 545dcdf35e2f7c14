import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fakeClock } from '../../../test/support/clock.ts'
import { loadConfig } from '../../config.ts'
import { systemClock, systemRandom } from '../../context.ts'
import { Secret } from '../../secret.ts'
import { openWall, type Wall } from '../wall/wall.ts'
import { type Modules, openModules } from './install.ts'

const BCRYPTJS = [{ name: 'bcryptjs', version: '2.4.x' }]
const LOCK = '{"packages":{"":{},"node_modules/pure":{"version":"1.0.0"}}}'

describe('packages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-install-'))
  const home = join(folder, 'functions')
  let wall: Wall
  before(async () => {
    wall = await openWall({ host: '127.0.0.1', functionsIsolation: 'best' }, join(home, 'wall'), systemRandom)
  })
  after(() => rmSync(folder, { recursive: true }))

  let programs = 0
  /** A program in the place of npm, behind the same wall; what it writes goes to the folder that it is given. */
  function installWith(program: string, clock = systemClock): Promise<Modules> {
    const place = join(folder, `npm-${programs++}`)
    mkdirSync(join(place, 'bin'), { recursive: true })
    writeFileSync(
      join(place, 'bin/npm-cli.js'),
      `const fs = require('node:fs')
      const [command, ...flags] = process.argv.slice(2)
      process.chdir(flags.find((flag) => flag.startsWith('--prefix=')).slice(9))
      ${program}`,
    )
    symlinkSync('bin/npm-cli.js', join(place, 'npm'))
    return openModules(home, { wall, clock, environment: new Secret({ PATH: `/nowhere:${place}` }) })
  }

  const fill = (text: string) => `fs.mkdirSync('node_modules/pure', { recursive: true })
    fs.writeFileSync('node_modules/pure/index.js', 'module.exports = ${text}')
    fs.writeFileSync('package-lock.json', ${JSON.stringify(LOCK)})`
  const soon = () => systemClock.now() + 60_000
  const need = (version: string) => [{ name: 'pure', version }]
  const left = () => readdirSync(join(home, 'npm')).filter((name) => name.startsWith('work-'))

  test('are installed once for all that resolve to the same, and again as the lock says', async () => {
    const modules = await installWith(fill('1'))
    const lock = await modules.resolve(need('^1.0.0'), soon())
    assert.equal(lock, LOCK)
    const place = await modules.ensure(need('^1.0.0'), lock, soon())
    const require = createRequire(join(place, 'x.js'))
    assert.ok(require('pure'))
    assert.deepEqual(require('@twilio/runtime-handler'), {})
    // Nobody runs it a second time: it would fail.
    const idle = await installWith('process.exit(1)')
    assert.equal(await idle.resolve(need('^1.0.0'), soon()), LOCK)
    assert.equal(await idle.ensure(need('^1.0.0'), LOCK, soon()), place)
    rmSync(place, { recursive: true })
    await assert.rejects(idle.ensure(need('^1.0.0'), LOCK, soon()), { name: 'BuildFailure' })
    const again = await installWith(
      `if (command !== 'ci' || !fs.existsSync('package-lock.json')) process.exit(1)\n${fill('1')}`,
    )
    const both = [again.ensure(need('^1.0.0'), LOCK, soon()), again.ensure(need('^1.0.0'), LOCK, soon())]
    assert.deepEqual(await Promise.all(both), [place, place])
    assert.deepEqual(left(), [])
  })

  test('of which nothing is left half when npm fails, and it says why', async () => {
    const modules = await installWith(
      `${fill('1')}\nconsole.error('npm error code E404\\nnpm error 404 Not Found - pure@9'); process.exit(1)`,
    )
    await assert.rejects(modules.resolve(need('9'), soon()), {
      name: 'BuildFailure',
      message: 'npm: Not Found - pure@9',
    })
    assert.deepEqual(left(), [])
  })

  test('that the registry does not have are named, without advice that builds cannot follow', async () => {
    const said = [
      'code E404',
      '404 Not Found - GET https://registry.test/pure',
      "404  'pure@9' is not in this registry.",
      '404',
      '404 Note that you can also install from a',
      '404 tarball, folder, http url, or git folder.',
    ].map((line) => `npm error ${line}`)
    const modules = await installWith(`console.error(${JSON.stringify(said.join('\n'))}); process.exit(1)`)
    await assert.rejects(modules.resolve(need('9'), soon()), {
      message: "npm: Not Found - GET https://registry.test/pure; 'pure@9' is not in this registry.",
    })
  })

  test('that take too long are given up', async () => {
    const clock = fakeClock()
    const modules = await installWith(
      'fs.writeFileSync("../running", ""); setInterval(() => {}, 1000)',
      clock,
    )
    const failed = assert.rejects(modules.resolve(need('8'), clock.now() + 60_000), /took too long/)
    while (!existsSync(join(home, 'npm/running'))) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance('60s')
    await failed
    assert.deepEqual(left(), [])
  })

  test('that are too large are refused', async () => {
    const modules = await installWith(
      `${fill('1')}\nfs.truncateSync('node_modules/pure/index.js', 251 * 1024 * 1024)`,
    )
    await assert.rejects(modules.resolve(need('7'), soon()), /larger than 250 MB/)
    assert.deepEqual(left(), [])
  })

  test('that grow too large are not waited for', async () => {
    const clock = fakeClock()
    const modules = await installWith(
      `${fill('1')}
      fs.truncateSync('node_modules/pure/index.js', 251 * 1024 * 1024)
      fs.writeFileSync('../large', '')
      setInterval(() => {}, 1000)`,
      clock,
    )
    const failed = assert.rejects(modules.resolve(need('10'), clock.now() + 60_000), /larger than 250 MB/)
    while (!existsSync(join(home, 'npm/large'))) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance('3s')
    await failed
    assert.deepEqual(left(), [])
  })

  test('are installed by a program that sees its own folder only, and of the environment what it needs', async () => {
    writeFileSync(join(folder, 'master.key'), 'secret')
    const modules = await installWith(`${fill('1')}
      if (fs.existsSync(${JSON.stringify(join(folder, 'master.key'))})) console.error('npm error it is open')
      console.error('npm error ' + Object.keys(process.env).sort())
      process.exit(1)`)
    const seen = /^npm: (HOME|npm_config_cache|npm_config_userconfig|PWD|OLDPWD|SHLVL|_|,)+$/
    const open = wall.kind === 'none' ? /it is open/ : seen
    await assert.rejects(modules.resolve(need('6'), soon()), ({ message }: Error) => open.test(message))
  })

  test('that nobody used for a week go, with a cache that has grown too large', async () => {
    const modules = await installWith(`${fill('1')}
      fs.mkdirSync(process.env.npm_config_cache, { recursive: true })
      fs.ftruncateSync(fs.openSync(process.env.npm_config_cache + '/much', 'w'), 1024 ** 3 + 1)`)
    rmSync(join(home, 'modules'), { recursive: true })
    mkdirSync(join(home, 'modules'))
    const place = await modules.ensure(need('4'), LOCK, soon())
    const cache = join(home, 'npm/cache')
    assert.ok(existsSync(cache))
    utimesSync(place, 0, 0)
    await modules.prune(new Set([place]))
    assert.deepEqual([existsSync(place), existsSync(cache)], [true, false])
    await modules.ensure(need('4'), LOCK, soon())
    await modules.prune(new Set())
    assert.ok(existsSync(place))
    utimesSync(place, 0, 0)
    await modules.prune(new Set())
    assert.ok(!existsSync(place))
  })

  test('without npm cannot be had, unless there are none', async () => {
    const modules = await openModules(home, { wall, clock: systemClock, environment: new Secret({}) })
    await assert.rejects(modules.resolve(need('5'), soon()), /finds none on its PATH/)
    const runtime = [{ name: '@twilio/runtime-handler', version: '2.1.0' }]
    assert.equal(await modules.resolve(runtime, soon()), null)
    const place = await modules.ensure(runtime, null, soon())
    assert.deepEqual(createRequire(join(place, 'x.js'))('@twilio/runtime-handler'), {})
  })

  test('of the registry itself: bcryptjs and twilio run, bcrypt is refused', async () => {
    const { npmEnvironment } = await loadConfig(process.env, folder, (path) =>
      Promise.reject(Object.assign(new Error(path), { code: 'ENOENT' })),
    )
    const modules = await openModules(home, { wall, clock: systemClock, environment: npmEnvironment })
    const all = [...BCRYPTJS, { name: 'twilio', version: '^5.0.0' }]
    const lock = await modules.resolve(all, soon())
    assert.ok(lock)
    assert.doesNotMatch(lock, /"resolved"/)
    const place = await modules.ensure(all, lock, soon())
    const code = `const { compareSync, hashSync } = require('bcryptjs')
      console.log(compareSync('ahoy!', hashSync('ahoy!', 4)), typeof require('twilio').twiml.MessagingResponse)`
    assert.equal(
      execFileSync(process.execPath, ['-e', code], { cwd: place, encoding: 'utf8' }),
      'true function\n',
    )
    assert.equal(readFileSync(join(place, 'package-lock.json'), 'utf8'), lock)
    await assert.rejects(
      modules.resolve([{ name: 'bcrypt', version: '^5.1.0' }], soon()),
      /use bcryptjs instead/,
    )
  })
})
