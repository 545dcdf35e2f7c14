import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
after(() => rm(folder, { recursive: true }))

/** Runs an entry file as a person would, in an empty folder, with nothing in the environment but these. */
function start(entry: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ status: number | string; out: string; err: string }>((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, ...env } }
    execFile(process.execPath, [join(root, 'bin', entry), ...args], options, (error, out, err) =>
      resolve({ status: error ? (error.code ?? 'killed') : 0, out, err }),
    )
  })
}

const countersign = (...args: string[]) => start('countersign.ts', args)

suite('the command line', { concurrency: true }, () => {
  test('--version is that of the package', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    assert.deepEqual(await countersign('--version'), { status: 0, out: `${version}\n`, err: '' })
  })

  test('--help names the commands there are', async () => {
    const { status, out } = await countersign('--help')
    assert.equal(status, 0)
    const commands = [...out.matchAll(/^ {2}([a-z][a-z-]+)\b/gm)].map(([, name]) => name)
    assert.deepEqual(commands, [
      'serve',
      'exec',
      'migrate',
      'backup',
      'restore',
      'doctor',
      'account',
      'token',
      'api-key',
      'caller-id',
      'usage',
      'alert',
      'master-key',
      'service',
      'audit',
      'help',
    ])
  })

  test('without a command it says how to begin', async () => {
    const { status, out, err } = await countersign()
    assert.deepEqual([status, err], [0, ''])
    assert.match(out, /^Begin with: countersign serve$/m)
  })

  test('on an older Node it says which one it needs', async () => {
    const old = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })`
    const command = ['--import', old, join(root, 'bin/countersign.ts'), '--version']
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
    const message = 'countersign needs Node.js 24 or newer; this is 20.20.2\n'
    assert.deepEqual([status, stdout, stderr], [1, '', message])
    const entry = await readFile(join(root, 'bin/countersign.ts'), 'utf8')
    assert.doesNotMatch(entry, /^import /m, 'it would be linked before the first line runs')
  })

  for (const args of [
    ['doctr'],
    ['serve', '--port', '1'],
    ['token', 'hide'],
    ['service', 'create'],
    ['exec'],
  ]) {
    test(`${args.join(' ')}: refused on stderr`, async () => {
      const { status, out, err } = await countersign(...args)
      assert.equal(status, 1)
      assert.equal(out, '')
      assert.match(err, /^(error:|Usage:)/)
    })
  }

  test('a bad setting is one line and status 1, for the server and for each command', async () => {
    const err = 'countersign: PORT is "http": must be a whole number from 0 to 65535\n'
    const refused = { status: 1, out: '', err }
    assert.deepEqual(await start('server.ts', [], { PORT: 'http' }), refused)
    for (const command of [
      'serve',
      'migrate',
      'token show',
      'service list',
      'service create x',
      'exec -- true',
      'account list',
      'api-key list',
      'caller-id list',
      'caller-id validate 1',
      'usage list',
      'alert list',
      'master-key status',
      'master-key add',
      'backup x',
      'restore x',
      'audit head',
    ]) {
      assert.deepEqual(await start('countersign.ts', command.split(' '), { PORT: 'http' }), refused, command)
    }
  })

  test('the file is looked for in the current folder', async () => {
    const path = join(folder, 'other.yaml')
    await writeFile(path, 'prot: 1\n')
    const { status, err } = await start('server.ts', [], { COUNTERSIGN_CONFIG: 'other.yaml' })
    assert.equal(status, 1)
    assert.equal(
      err,
      'countersign: "prot" in other.yaml is not a setting (did you mean port?); docs/configuration.md has all there are\n',
    )
  })

  test('the server takes no arguments', async () => {
    const { status, err } = await start('server.ts', ['--port', '1'])
    assert.equal(status, 2)
    assert.match(err, /--port: the server takes no arguments/)
  })
})
