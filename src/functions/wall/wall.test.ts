import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { systemRandom } from '../../context.ts'
import { type Kind, openWall, type Wall } from './wall.ts'

const loopback = { host: '127.0.0.1', functionsIsolation: undefined }

/** As a data directory: a secret, and what a child is given of it. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign wall '))
  writeFileSync(join(folder, 'master.key'), 'secret')
  mkdirSync(join(folder, 'bundle'))
  writeFileSync(join(folder, 'bundle/data.json'), '{"given":true}')
  return folder
}

const isRoot = process.getuid?.() === 0
const kinds: readonly Kind[] = isRoot ? ['uid', 'namespaces'] : ['namespaces']
for (const kind of kinds) {
  const folder = makeFolder()
  const wall = await openWall(loopback, folder, systemRandom, [kind])
  // Not to be had in most containers.
  const skip = wall.kind === 'none' && wall.describe()
  describe(`the wall of kind ${kind}`, { skip }, () => testWall(wall, kind, folder))
}

function testWall(wall: Wall, kind: Kind, folder: string): void {
  after(() => rmSync(folder, { recursive: true }))

  let boxes = 0
  /** What a child would be started with that runs `code`, without any of Node's own restrictions. */
  function wrap(code: string, { network = false, keeps = true, args = [] as string[] } = {}) {
    const writable = join(folder, `box-${boxes++}`)
    mkdirSync(writable)
    const argv = [process.execPath, '-e', code, ...args]
    return { ...wall.wrap(argv, { readable: [join(folder, 'bundle')], writable, keeps, network }), writable }
  }

  function start(
    code: string,
    options: Parameters<typeof wrap>[1] = {},
  ): ChildProcess & { writable: string } {
    const { command, args, writable } = wrap(code, options)
    return Object.assign(
      spawn(command, args, { env: { GIVEN: 'yes' }, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }),
      {
        writable,
      },
    )
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a child says has every shape
  async function tell(expression: string, options: Parameters<typeof wrap>[1] = {}): Promise<any> {
    const code = `const fs = require('node:fs'), { spawnSync } = require('node:child_process')
      const attempt = (run) => { try { return run() } catch (error) { return error.code } }
      Promise.resolve(${expression}).then((value) => process.stdout.write(JSON.stringify(value ?? null)))`
    const child = start(code, options)
    const [out, err] = await Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)])
    assert.notEqual(out, '', err)
    return JSON.parse(out)
  }

  const file = (name: string) => JSON.stringify(join(folder, name))

  test('is what this machine can have, and says so', () => {
    assert.equal(wall.kind, kind, wall.describe())
    assert.match(wall.describe(), /name-spaces/)
    assert.equal(wall.refusal, undefined)
  })

  test('a child sees no process but itself', async () => {
    assert.deepEqual(
      await tell(`[process.pid, fs.readdirSync('/proc').filter((name) => /^\\d/.test(name))]`),
      [1, ['1']],
    )
  })

  test('reads what it was given, and nothing else: no data directory, no home, no settings', {}, async () => {
    assert.equal(await tell(`fs.readFileSync(${file('bundle/data.json')}, 'utf8')`), '{"given":true}')
    const hidden = [
      join(folder, 'master.key'),
      homedir(),
      join(process.cwd(), 'package.json'),
      '/etc/passwd',
      '/var',
      '/run',
      '/dev',
      '/sys',
    ]
    // Folders above what it was given are there, with nothing else in them.
    const above = (path: string) => [folder, process.execPath].some((given) => given.startsWith(`${path}/`))
    for (const path of hidden.filter((path) => !above(path)))
      assert.equal(await tell(`attempt(() => fs.statSync(${JSON.stringify(path)}).mode)`), 'ENOENT', path)
    const seen: string[] = await tell(`fs.readdirSync(${JSON.stringify(folder)})`)
    assert.deepEqual(seen.sort(), [`box-${boxes - 1}`, 'bundle'])
    // A shell may add what it keeps for itself.
    const environment: string[] = await tell('Object.keys(process.env)')
    assert.deepEqual(
      environment.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)),
      ['GIVEN'],
    )
  })

  test('writes to its own folder, where it starts, and to nothing else', async () => {
    const child = start(`require('node:fs').writeFileSync('mine', 'x')`)
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.deepEqual(readdirSync(child.writable), ['mine'])
    for (const path of [
      file('bundle/data.json'),
      '"/usr/x"',
      '"/lib64/x"',
      JSON.stringify(process.execPath),
    ]) {
      const code = await tell(`attempt(() => fs.writeFileSync(${path}, ''))`)
      assert.ok(['EROFS', 'EACCES'].includes(code), `${path}: ${code}`)
    }
    assert.equal(statSync(join(folder, 'bundle/data.json')).size, 14)
  })

  test('where it keeps nothing, it writes so much into memory, and nothing to the disk', async () => {
    const fill = (name: string, megabytes: number) =>
      `attempt(() => { for (let i = 0; i < ${megabytes}; i++) fs.appendFileSync('${name}', Buffer.alloc(1 << 20)); return 'all' })`
    const child = start(
      `const fs = require('node:fs'), attempt = (run) => { try { return run() } catch (error) { return error.code } }
      const many = () => { for (let i = 0; ; i++) fs.writeFileSync('file' + i, '') }
      console.log([${fill('some', 60)}, ${fill('more', 10)}, fs.rmSync('more'), fs.rmSync('some'), attempt(many)].join())`,
      { keeps: false },
    )
    assert.equal(await text(child.stdout as Readable), 'all,ENOSPC,,,ENOSPC\n')
    assert.deepEqual(readdirSync(child.writable), [])
  })

  test('runs nothing that it wrote itself', async () => {
    for (const keeps of [true, false]) {
      const code = await tell(
        `(fs.writeFileSync('tool', '#!/bin/true', { mode: 0o755 }), spawnSync('./tool').error.code)`,
        { keeps },
      )
      assert.equal(code, 'EACCES')
    }
  })

  test('changes no setting of the machine, though root may', async () => {
    const code = await tell(`attempt(() => fs.openSync('/proc/sys/kernel/core_pattern', 'r+'))`)
    assert.ok(['EROFS', 'EACCES'].includes(code), code)
  })

  test('holds so many files and sockets open, and no more', async () => {
    const code = await tell(`attempt(() => { for (let i = 0; i < 512; i++) fs.openSync(process.execPath) })`)
    assert.equal(code, 'EMFILE')
  })

  test('does not even get memory far beyond what is allowed', async () => {
    assert.equal(await tell(`attempt(() => Buffer.alloc(2 ** 28).length)`), 2 ** 28)
    assert.equal(await tell(`attempt(() => Buffer.alloc(2 ** 30).length)`), null)
  })

  test('has no right that its user has not, and gets none', async () => {
    const status: string = await tell(`fs.readFileSync('/proc/self/status', 'utf8')`)
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'))
    assert.match(status, /^NoNewPrivs:\s+1$/m)
    for (const command of [
      ['umount', '/usr'],
      ['umount', folder],
      ['mount', '-t', 'tmpfs', 'none', '/usr'],
      ['unshare', '--user', 'true'],
      ['unshare', '--mount', 'true'],
      ['unshare', '--root=/proc/1/root', 'true'],
      ['nsenter', '--target', '1', '--mount', 'true'],
    ]) {
      const [program, ...args] = command.map((part) => JSON.stringify(part))
      assert.notEqual(await tell(`spawnSync(${program}, [${args}]).status`), 0, command.join(' '))
    }
  })

  test('reaches no other process: not the server, its group, a sibling', async () => {
    const sibling = start('setInterval(() => {}, 1000); process.stdout.write("ready")')
    await once(sibling.stdout as Readable, 'data')
    for (const pid of [process.pid, process.ppid, sibling.pid])
      assert.equal(await tell(`attempt(() => process.kill(${pid}, 'SIGKILL'))`), 'ESRCH')
    // Its group, all of them, its parent: whatever is hit, it is not us.
    for (const target of ['0', '-1', 'process.ppid']) {
      const child = start(`process.kill(${target}, 'SIGKILL')`)
      await once(child, 'exit')
    }
    assert.deepEqual([sibling.exitCode, sibling.signalCode], [null, null])
    sibling.kill('SIGKILL')
    await once(sibling, 'exit')
  })

  test('has no network but a socket in a folder that it was given', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const connect = (to: string) => `new Promise((resolve) => require('node:net').connect(${to})
      .on('data', (data) => resolve(String(data))).on('error', (error) => resolve(error.code)))`
    assert.equal(await tell(connect(`{ host: '127.0.0.1', port: ${port} }`)), 'ENETUNREACH')
    assert.deepEqual(await tell(`require('node:os').networkInterfaces()`), {})
    const abstract = createServer((socket) => socket.end('hello')).listen(`\0countersign-${process.pid}`)
    assert.equal(await tell(connect(`{ path: '\\0countersign-${process.pid}' }`)), 'ECONNREFUSED')
    abstract.close()

    const child = start(
      `process.stdin.once('data', () => ${connect(`{ path: ${file('bundle/out.sock')} }`)}.then((said) => process.stdout.write(said)).then(() => process.exit()))`,
    )
    const own = createServer((socket) => socket.end('hello')).listen({
      path: join(folder, 'bundle/out.sock'),
      writableAll: true,
    })
    await once(own, 'listening')
    child.stdin?.write('go')
    assert.equal(await text(child.stdout as Readable), 'hello')
    own.close()
    assert.equal(await tell(connect(`{ host: '127.0.0.1', port: ${port} }`), { network: true }), 'hello')
    server.close()
  })

  test('passes further pipes on', async () => {
    const child = start(`require('node:fs').createReadStream('', { fd: 3 }).pipe(process.stdout)`)
    const pipe = child.stdio[3] as ChildProcess['stdin']
    pipe?.end('through the wall')
    assert.equal(await text(child.stdout as Readable), 'through the wall')
  })

  test('ends with what was started, though it never listens', async () => {
    const child = start('process.stdout.write("ready"); for (;;);')
    const out = child.stdout as Readable
    await once(out, 'data')
    child.kill('SIGKILL')
    // The pipe ends when nobody holds it any more.
    await once(out, 'end')
  })

  test('ends with the server, however that ends', async () => {
    const { command, args } = wrap('process.stdout.write("ready"); for (;;);')
    const code = `require('node:child_process').spawn(${JSON.stringify(command)}, ${JSON.stringify(args)}, { stdio: 'inherit' })`
    const server = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(server.stdout, 'data')
    server.kill('SIGKILL')
    await once(server.stdout, 'end')
  })

  // Of root's own the kernel counts none.
  const isCounted = kind === 'uid' || !isRoot
  if (isCounted)
    test('cannot have any number of processes', async () => {
      const started = await tell(
        `(async () => {
        let started = 0
        for (const _ of Array(400)) {
          const child = require('node:child_process').spawn('/usr/bin/sleep', ['600'])
          started += await new Promise((resolve) => child.once('spawn', () => resolve(1)).once('error', () => resolve(0)))
        }
        setImmediate(() => process.exit())
        return started
      })()`,
      )
      assert.ok(started > 0 && started < 300, `${started} were started`)
    })
}

test('root that cannot make itself other users has no wall', { skip: !isRoot }, () => {
  const folder = makeFolder()
  const code = `const { openWall } = await import(${JSON.stringify(import.meta.resolve('./wall.ts'))})
    const wall = await openWall({ host: '0.0.0.0' }, ${JSON.stringify(folder)}, { int: () => 0 })
    console.log(wall.kind, wall.refusal !== undefined)`
  const node = [process.execPath, '--input-type=module', '-e', code]
  const { stdout, stderr } = spawnSync('setpriv', ['--bounding-set=-setuid', ...node], { encoding: 'utf8' })
  assert.equal(stdout, 'none true\n', stderr)
  rmSync(folder, { recursive: true })
})

describe('without a wall', () => {
  const folder = makeFolder()
  after(() => rmSync(folder, { recursive: true }))

  test('Functions run on loopback only, unless told', async () => {
    const refusal = async (host: string, functionsIsolation: 'best' | 'required' | undefined) =>
      (await openWall({ host, functionsIsolation }, folder, systemRandom, [])).refusal
    assert.equal(await refusal('127.0.0.1', undefined), undefined)
    assert.equal(await refusal('0.0.0.0', 'best'), undefined)
    for (const [host, isolation] of [
      ['0.0.0.0', undefined],
      ['127.0.0.1', 'required'],
    ] as const)
      assert.match((await refusal(host, isolation)) ?? '', /^Functions do not run here: no wall/)
  })

  test('a data directory in a folder that all children see is no place for one', async () => {
    const wall = await openWall(loopback, '/usr/local/countersign/functions', systemRandom)
    assert.match(wall.describe(), /^no wall \((.* lies in a folder of the system|only Linux .*)\)$/)
  })

  test('a command stays what it is', async () => {
    const wall = await openWall(loopback, folder, systemRandom, [])
    assert.equal(wall.kind, 'none')
    const box = { readable: [], writable: folder, keeps: false, network: false }
    assert.deepEqual(wall.wrap(['node', 'a', 'b'], box), { command: 'node', args: ['a', 'b'] })
  })
})
