import assert from 'node:assert/strict'
import { test } from 'node:test'
import { print, table } from './print.ts'

/** Moves the cursor, rings, begins a line, clears the screen, turns the direction of what follows, is no character. */
const NASTY = '\u001b[2J \u0007 \n \r \u009b2J \u202e \u{e0001} \ud800'

const printed = (json: boolean) => {
  const out: string[] = []
  const shell = { env: {}, cwd: '/', out: (line: string) => void out.push(line), err() {} }
  print(shell, { json }, { name: NASTY }, ({ name }) => [...table(['NAME'], [[name]]), `${name}  deleted`])
  return out
}

test('a name of a tenant does nothing to the terminal', () => {
  const lines = printed(false)
  assert.equal(lines.length, 3)
  assert.doesNotMatch(lines.join(''), /\p{C}/u)
  assert.equal(lines[1], lines[2]?.replace('  deleted', ''))
})

test('nor does JSON, which means the same', () => {
  const [json = ''] = printed(true)
  assert.doesNotMatch(json.replaceAll('\n', ''), /\p{C}/u)
  assert.deepEqual(JSON.parse(json), { name: NASTY })
})
