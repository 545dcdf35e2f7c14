import assert from 'node:assert/strict'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeTemporaryDirectory } from '../test/support/engines.ts'
import { makeDataDirectory } from './data-directory.ts'

const modeOf = (path: string) => statSync(path).mode & 0o777

test('it and what is above it are for its owner; what is there stays as it is', async () => {
  const folder = makeTemporaryDirectory()
  const path = join(folder, 'above/data')
  await Promise.all([makeDataDirectory(path), makeDataDirectory(path)])
  assert.deepEqual([modeOf(path), modeOf(join(folder, 'above'))], [0o700, 0o700])
  const open = join(folder, 'open')
  mkdirSync(open, { mode: 0o755 })
  await makeDataDirectory(open)
  assert.equal(modeOf(open), 0o755)
})

test('where there can be none the setting is named, at once', async () => {
  const file = join(makeTemporaryDirectory(), 'file')
  writeFileSync(file, '')
  for (const [path, reason] of [
    [file, 'it is not a folder'],
    [join(file, 'below'), 'a part of the path is not a folder'],
    // Node's own recursive mkdir never comes back from this one.
    ['/proc/countersign/data', 'none can be made there'],
  ] as const) {
    const message = `COUNTERSIGN_DATA_DIR is ${JSON.stringify(path)}: must be a folder to write in, or the name of a new one (${reason})`
    await assert.rejects(makeDataDirectory(path), { name: 'ConfigError', message })
  }
})
