import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeTemporaryDirectory } from '../../test/support/engines.ts'
import { takeLock } from './lock.ts'

/** Whether another process gets the lock. */
function isFree(file: string): boolean {
  const program = `
    import { takeLock } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
    console.log(takeLock(process.argv[1]) !== undefined)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program, file], {
    encoding: 'utf8',
  })
  assert.match(stdout, /^(true|false)\n$/, stderr)
  return stdout === 'true\n'
}

test('a lock holds until it is closed, whoever of its process asks for it meanwhile', () => {
  const file = join(makeTemporaryDirectory(), 'lock')
  const lock = takeLock(file)
  assert.ok(lock)
  assert.equal(isFree(file), false)
  assert.equal(takeLock(file), undefined)
  assert.equal(isFree(file), false)
  lock.close()
  assert.equal(isFree(file), true)
})
