import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestServer, testServer } from '../../../test/support/server.ts'
import { Secret } from '../../secret.ts'
import { keepContent } from '../contents.ts'
import type { DeployedVersion } from '../deployed.ts'
import { insertEnvironment, switchBuild } from '../environments/store.ts'
import { openWall } from '../wall/wall.ts'
import { type KeptBundles, openBundles } from './bundle.ts'
import { openModules } from './install.ts'

const RUNTIME = '[{"name":"@twilio/runtime-handler","version":"2.1.0"}]'

describe('bundles', () => {
  let server: TestServer
  let scratch = ''
  let bundles: KeptBundles
  before(async () => {
    server = await testServer()
    const { config, clock, random } = server.ctx
    scratch = join(config.dataDir, 'bundling')
    mkdirSync(scratch)
    const wall = await openWall(config, join(scratch, 'wall'), random)
    const modules = await openModules(scratch, { wall, clock, environment: new Secret({}) })
    bundles = await openBundles(server.ctx, scratch, modules)
  })
  after(() => server.close())

  let builds = 0
  /** What is deployed with these contents by path. */
  async function bundled(
    functions: Record<string, string>,
    assets: Record<string, [DeployedVersion['visibility'], string]> = {},
    dependencies = '[]',
  ) {
    const { accountSid } = server
    const { storage } = server.ctx
    const keep = async (path: string, text: string, visibility: DeployedVersion['visibility'] = 'public') => {
      const hash = createHash('sha256').update(text).digest('hex')
      await storage.write((tx) => keepContent(tx, storage.forUpdate, accountSid, hash, Buffer.from(text)))
      const sids = { resourceSid: '', versionSid: '', createdAtMs: 0 }
      return [path, { ...sids, path, visibility, contentType: '', hash, size: text.length }] as const
    }
    return {
      accountSid,
      buildSid: `ZB${String(builds++).padStart(32, '0')}`,
      functions: new Map(
        await Promise.all(Object.entries(functions).map(([path, text]) => keep(path, text))),
      ),
      assets: new Map(
        await Promise.all(
          Object.entries(assets).map(([path, [visibility, text]]) => keep(path, text, visibility)),
        ),
      ),
      dependencies,
      lock: null,
    }
  }

  test('hold functions, private assets and packages, as user code expects to find them', async () => {
    const build = await bundled(
      { '/hello': 'exports.x = 1', '/deep/er': 'exports.hello = require("../hello").x' },
      { '/data.json': ['private', '{"a":1}'], '/index.html': ['public', '<p>'] },
      RUNTIME,
    )
    const { dir, modules } = await bundles.ensure(build)
    assert.equal(readFileSync(join(dir, 'functions/hello.js'), 'utf8'), 'exports.x = 1')
    assert.equal(readFileSync(join(dir, 'assets/data.json'), 'utf8'), '{"a":1}')
    assert.ok(!existsSync(join(dir, 'assets/index.html')))
    const require = createRequire(join(dir, 'functions/deep/er.js'))
    assert.equal(require('./er').hello, 1)
    assert.equal(
      require.resolve('@twilio/runtime-handler'),
      join(modules ?? '', 'node_modules/@twilio/runtime-handler/index.js'),
    )
  })

  test('can be read by another user, though the folder above cannot', async () => {
    const { dir } = await bundles.ensure(await bundled({ '/deep/hello': '' }))
    const modes = ['', 'functions', 'functions/deep', 'functions/deep/hello.js'].map(
      (name) => statSync(join(dir, name)).mode & 0o777,
    )
    assert.deepEqual(modes, [0o755, 0o755, 0o755, 0o644])
    assert.equal(statSync(join(dir, '..')).mode & 0o777, 0o700)
  })

  test('are made once, by however many at a time', async () => {
    const build = await bundled({ '/hello': '1' })
    const made = await Promise.all([bundles.ensure(build), bundles.ensure(build), bundles.ensure(build)])
    const { ino } = statSync(made[0].dir)
    assert.deepEqual(await bundles.ensure(build), made[2])
    assert.equal(statSync(made[0].dir).ino, ino)
    assert.equal(made[0].modules, null)
  })

  test('have no path that leads out of them, and none that another needs', async () => {
    for (const path of ['/../x', '/a/../../x', 'x', '//x', '/.', '/x\0', `/${'x'.repeat(300)}`])
      await assert.rejects(bundles.ensure(await bundled({ [path]: '' })), { name: 'BuildFailure' }, path)
    await assert.rejects(
      bundles.ensure(await bundled({ '/a': '', '/a.js/b': '' })),
      /another path begins with it/,
    )
    assert.deepEqual(
      readdirSync(join(scratch, 'bundles')).filter((name) => name.includes('x')),
      [],
    )
  })

  test('lack nothing: a content that is gone is said', async () => {
    const build = await bundled({ '/hello': '1' })
    const [version] = build.functions.values()
    const functions = new Map([['/hello', { ...(version as DeployedVersion), hash: 'gone' }]])
    await assert.rejects(bundles.ensure({ ...build, functions }), /The content of \/hello is gone/)
    assert.ok(existsSync((await bundles.ensure(build)).dir))
  })

  test('leave room on the disk', async () => {
    const build = await bundled({ '/hello': '1' })
    const [version] = build.functions.values()
    const functions = new Map([['/hello', { ...(version as DeployedVersion), size: 2 ** 60 }]])
    await assert.rejects(bundles.ensure({ ...build, functions }), /too little room left on the disk/)
  })

  test('go when they are old and run nowhere', async () => {
    const [deployed, old, fresh] = await Promise.all([bundled({}), bundled({}, {}, RUNTIME), bundled({})])
    const dirs = await Promise.all(
      [deployed, old, fresh].map(async (build) => (await bundles.ensure(build)).dir),
    )
    const { accountSid } = server
    const now = server.ctx.clock.now()
    const environment = {
      sid: `ZE${'0'.repeat(32)}`,
      accountSid,
      serviceSid: `ZS${'0'.repeat(32)}`,
      uniqueName: 'dev',
      domainSuffix: null,
      label: 'demo-1234',
      deploymentSid: null,
      buildSid: null,
      revision: 1,
      createdAtMs: now,
      updatedAtMs: now,
    }
    await server.ctx.storage.write(async (tx) => {
      await insertEnvironment(tx, environment)
      await switchBuild(tx, environment, `ZD${'0'.repeat(32)}`, deployed.buildSid, now)
    })
    const hoursAgo = now / 1000 - 7_200
    for (const dir of dirs.slice(0, 2)) utimesSync(dir, hoursAgo, hoursAgo)
    await bundles.prune()
    assert.deepEqual(
      dirs.map((dir) => existsSync(dir)),
      [true, false, true],
    )
    // What a package is shared by goes later: another build may need it tomorrow.
    const [shared = ''] = readdirSync(join(scratch, 'modules'))
    utimesSync(join(scratch, 'modules', shared), 0, 0)
    const user = await bundles.ensure(await bundled({}, {}, RUNTIME))
    utimesSync(join(scratch, 'modules', shared), 0, 0)
    await bundles.prune()
    assert.ok(existsSync(join(user.modules ?? '', 'node_modules')))
  })
})
