import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { until } from './support/carrier.ts'
import { makeTemporaryDirectory } from './support/engines.ts'

/** A checkout with nothing installed. Its npm does as the real one does, once a file `go` is there. */
function makeCheckout() {
  const folder = makeTemporaryDirectory()
  mkdirSync(join(folder, 'script'))
  cpSync(join(import.meta.dirname, '../script/install'), join(folder, 'script/install'))
  writeFileSync(join(folder, 'package-lock.json'), '{}')
  const npm = `#!/bin/sh
echo "$*" >>runs
rm -rf node_modules
until [ -e go ]; do sleep 0.02; done
mkdir -p node_modules/.bin
touch node_modules/.bin/node node_modules/.package-lock.json
chmod +x node_modules/.bin/node
`
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/npm'), npm)
  chmodSync(join(folder, 'bin/npm'), 0o755)
  const env = { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` }
  const start = () => {
    const child = spawn('sh', ['script/install'], { cwd: folder, env })
    const said = { text: '' }
    child.stderr.on('data', (chunk) => (said.text += chunk))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    return { child, said, ended }
  }
  const put = (name: string) => writeFileSync(join(folder, name), '')
  const runs = () => readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length
  return { folder, start, put, runs }
}

test('two installs at once are one, and each says what it does', async (t) => {
  const { folder, start, put, runs } = makeCheckout()
  const one = start()
  t.after(() => one.child.kill())
  await until(() => existsSync(join(folder, 'runs')))
  const two = start()
  t.after(() => two.child.kill())
  await until(() => two.said.text.includes('Waiting for process'))
  put('go')
  assert.deepEqual([await one.ended, await two.ended, runs()], [0, 0, 1])
  assert.equal(one.said.text, 'Installing dependencies…\n')
  assert.match(two.said.text, /^Waiting for process \d+, which installs here .+\n$/)
  assert.equal(await start().ended, 0)
  assert.deepEqual([runs(), existsSync(join(folder, '.installing'))], [1, false])
})

test('an install that was killed or failed hinders no other', async () => {
  const { folder, start, put, runs } = makeCheckout()
  symlinkSync(String(spawnSync('true').pid), join(folder, '.installing'))
  const stopped = start()
  await until(() => existsSync(join(folder, 'runs')))
  stopped.child.kill('SIGTERM')
  put('go') // the shell ends when its npm has
  await stopped.ended
  const next = start()
  assert.deepEqual([await next.ended, runs()], [0, 1], next.said.text)
  assert.equal(existsSync(join(folder, '.installing')), false)
})
