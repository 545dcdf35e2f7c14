import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeTemporaryDirectory, random } from '../../test/support/engines.ts'
import { addToRingFile, keyId, loadKeyRing, parseKeyRing } from './key-ring.ts'

const directory = makeTemporaryDirectory()
let directories = 0
function newDataDir(): string {
  const path = join(directory, String(directories++))
  mkdirSync(path)
  return path
}
const one = Buffer.alloc(32, 1)
const two = Buffer.alloc(32, 2)

test('the first node makes a key, which only its owner can read, and finds it again', async () => {
  const dataDir = newDataDir()
  const made = await loadKeyRing({ dataDir, mayCreate: true, random })
  assert.deepEqual([made.created, made.ring.size], [true, 1])
  assert.equal(statSync(join(dataDir, 'master-keys')).mode & 0o777, 0o600)
  for (const mayCreate of [true, false]) {
    assert.deepEqual(await loadKeyRing({ dataDir, mayCreate, random }), { ring: made.ring, created: false })
  }
})

const mayTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', process.execPath, '--version']).status === 0

test('a key that is made is found after a power failure: its directory is synced as well', {
  skip: !mayTrace && process.env.CI !== 'true' && 'needs strace, and the right to trace',
}, () => {
  const dataDir = newDataDir()
  const trace = join(directory, 'trace')
  const program = `
    import { randomBytes } from 'node:crypto'
    import { loadKeyRing } from ${JSON.stringify(new URL('./key-ring.ts', import.meta.url).href)}
    await loadKeyRing({ dataDir: process.argv[1], mayCreate: true, random: { bytes: randomBytes } })`
  const command = [process.execPath, '--input-type=module', '--eval', program, dataDir]
  const traced = spawnSync('strace', ['-f', '-qq', '-y', '-e', 'trace=fsync', '-o', trace, ...command])
  assert.equal(traced.status, 0, traced.stderr.toString())
  const synced = [...readFileSync(trace, 'utf8').matchAll(/fsync\(\d+<([^>]*)>/g)].map(([, path]) => path)
  assert.deepEqual(synced, [join(dataDir, 'master-keys'), dataDir])
})

test('configured keys come before the file, and make none', async () => {
  const dataDir = newDataDir()
  const configured = [one.toString('base64'), two.toString('base64')]
  const { ring, created } = await loadKeyRing({ dataDir, configured, mayCreate: true, random })
  assert.equal(created, false)
  assert.deepEqual([...ring.keys()], [keyId(one), keyId(two)])
  assert.throws(() => readFileSync(join(dataDir, 'master-keys')), /ENOENT/)
})

test('a file holds one key a line', async () => {
  const dataDir = newDataDir()
  const text = `${one.toString('base64')}\r\n\n${two.toString('base64')}\n`
  writeFileSync(join(dataDir, 'master-keys'), text, { mode: 0o600 })
  const { ring } = await loadKeyRing({ dataDir, mayCreate: false, random })
  assert.deepEqual([...ring.values()], [one, two])
})

test('without a key file a sealed database does not start', async () => {
  await assert.rejects(loadKeyRing({ dataDir: newDataDir(), mayCreate: false, random }), /database is sealed/)
})

test('a key file that others can read is refused', async () => {
  const dataDir = newDataDir()
  await loadKeyRing({ dataDir, mayCreate: true, random })
  chmodSync(join(dataDir, 'master-keys'), 0o640)
  await assert.rejects(loadKeyRing({ dataDir, mayCreate: true, random }), /chmod 600/)
})

test('a key that is not one is refused without being told', () => {
  const short = Buffer.alloc(31, 3).toString('base64')
  assert.throws(
    () => parseKeyRing([one.toString('base64'), short], 'the file'),
    (error) =>
      error instanceof Error && /key 2 is not 32 bytes/.test(error.message) && !error.message.includes(short),
  )
  assert.throws(() => parseKeyRing(['', ' '], 'the file'), /there is no key/)
})

test('keys are added to the file behind those that are there, once each', async () => {
  const dataDir = newDataDir()
  assert.deepEqual(await addToRingFile(dataDir, [one]), [keyId(one)])
  assert.deepEqual(await addToRingFile(dataDir, [one, two]), [keyId(two)])
  assert.deepEqual(await addToRingFile(dataDir, [two]), [])
  const { ring } = await loadKeyRing({ dataDir, mayCreate: false, random })
  assert.deepEqual([...ring.values()], [one, two])
  assert.equal(statSync(join(dataDir, 'master-keys')).mode & 0o777, 0o600)
})

test('of commands that change the file at once none undoes the other', async () => {
  const dataDir = newDataDir()
  const keys = Array.from({ length: 8 }, (_, n) => Buffer.alloc(32, n + 1))
  const results = await Promise.allSettled(keys.map((key) => addToRingFile(dataDir, [key])))
  const added = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  const { ring } = await loadKeyRing({ dataDir, mayCreate: false, random })
  assert.deepEqual([...ring.keys()].sort(), added.sort())
})

test('a command that was killed leaves no lock, and what it had begun to write counts for nothing', async () => {
  const dataDir = newDataDir()
  await addToRingFile(dataDir, [one])
  const path = join(dataDir, 'master-keys')
  const program = `
    import { writeFileSync } from 'node:fs'
    import { takeLock } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
    takeLock(process.argv[1] + '.lock')
    writeFileSync(process.argv[1] + '.new', 'half a k', { mode: 0o600 })
    console.log('begun')
    process.stdin.resume()`
  const other = spawn(process.execPath, ['--input-type=module', '--eval', program, path])
  const ended = once(other, 'exit')
  await once(other.stdout, 'data')
  await assert.rejects(addToRingFile(dataDir, [two]), /another command is changing .*master-keys: try again/)
  other.kill('SIGKILL')
  await ended
  assert.deepEqual(await addToRingFile(dataDir, [two]), [keyId(two)])
  const { ring } = await loadKeyRing({ dataDir, mayCreate: false, random })
  assert.deepEqual([...ring.values()], [one, two])
  assert.equal(existsSync(`${path}.new`), false)
})

test('a configured file is read anew each time', async () => {
  const dataDir = newDataDir()
  const configuredFile = join(dataDir, 'secret')
  const load = () => loadKeyRing({ dataDir, configuredFile, mayCreate: true, random })
  writeFileSync(configuredFile, one.toString('base64'))
  assert.deepEqual([...(await load()).ring.values()], [one])
  writeFileSync(configuredFile, `${one.toString('base64')}, ${two.toString('base64')}\n`)
  assert.deepEqual([...(await load()).ring.values()], [one, two])
})
