import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'

const MODULE = new URL('./inherited-descriptors.ts', import.meta.url).href
const PROGRAM = `
  const { closeInheritedDescriptors } = await import(${JSON.stringify(MODULE)})
  const { fstatSync } = await import('node:fs')
  const isOpen = (descriptor) => { try { return fstatSync(descriptor) && true } catch { return false } }
  const before = [1, 77].map(isOpen)
  closeInheritedDescriptors()
  // What Node has opened for itself goes on working.
  await new Promise((resolve) => setTimeout(resolve, 1))
  console.log(JSON.stringify([before, [1, 77].map(isOpen)]))
`

test('what whoever started it left open is closed, what is its own is not', {
  skip: !existsSync('/proc/self/fd'),
}, () => {
  // Not every `sh` has numbers of two digits; the low ones Node marks itself.
  const shell = spawnSync(
    'bash',
    ['-c', 'exec 77</; exec "$0" --input-type=module --eval "$1"', process.execPath, PROGRAM],
    { encoding: 'utf8' },
  )
  assert.equal(shell.status, 0, shell.stderr)
  assert.deepEqual(JSON.parse(shell.stdout), [
    [true, true],
    [true, false],
  ])
})
