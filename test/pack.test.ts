import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { until } from './support/carrier.ts'
import { makeTemporaryDirectory } from './support/engines.ts'
import { basic, makeDatabase } from './support/server.ts'

const root = join(import.meta.dirname, '..')

/** Runs it to its end; rejects unless that is 0. */
const run = (cwd: string, env: NodeJS.ProcessEnv, command: string, ...args: string[]) =>
  new Promise<string>((resolve, reject) => {
    execFile(command, args, { cwd, env }, (error, out) => (error ? reject(error) : resolve(out)))
  })

test('the packed tarball, installed in an empty folder, serves on Node 24', {
  timeout: 240_000,
}, async (t) => {
  const folder = makeTemporaryDirectory()
  const { PATH, HOME } = process.env
  const packed = await run(root, process.env, 'npm', 'pack', '--json', '--pack-destination', folder)
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  for (const needed of ['README.md', 'LICENSE', 'dist/bin/countersign.js'])
    assert.ok(paths.includes(needed), needed)
  assert.deepEqual(
    paths.filter((path) => /\.test\.|^(src|test|bench)\/|\.ts$/.test(path)),
    [],
  )

  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }))
  const quietly = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  await run(app, process.env, 'npm', 'install', ...quietly, 'node@24', join(folder, filename))
  const modules = join(app, 'node_modules')
  assert.equal(existsSync(join(modules, 'typescript')), false)

  const database = await makeDatabase()
  t.after(database.drop)
  const env = { ...database.env, HOME, PORT: '0', PATH: `${join(modules, '.bin')}${delimiter}${PATH}` }
  assert.match(await run(app, env, 'node', '--version'), /^v24\./)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.equal(await run(app, env, 'npx', '--no-install', 'countersign', '--version'), `${version}\n`)

  const server = spawn('countersign', ['serve'], { cwd: app, env })
  const ended = new Promise<number | null>((resolve) => server.on('close', resolve))
  t.after(() => server.kill('SIGKILL'))
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (said += chunk))
  await Promise.race([until(() => said.includes('/inbox/messages')), ended.then(() => assert.fail(said))])
  const shown = (label: string) => new RegExp(`${label} +(.+)`).exec(said)?.[1] ?? ''
  const url = shown('Countersign')
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
  const started = await fetch(`${url}/v2/Services/${shown('Verify Service SID')}/Verifications`, {
    method: 'POST',
    headers: { authorization: basic(shown('Account SID'), shown('Auth Token')) },
    body: new URLSearchParams({ To: '+14155552671', Channel: 'sms' }),
  })
  assert.equal(started.status, 201, await started.text())
  server.kill('SIGTERM')
  assert.equal(await ended, 0)
})
