import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoundedMap } from './bounded-map.ts'

test('what was put first goes when it is full, and nothing else', () => {
  const map = new BoundedMap<string, number>(3)
  for (const [i, key] of ['a', 'b', 'c', 'b', 'd'].entries()) map.set(key, i)
  assert.deepEqual(
    [...map],
    [
      ['b', 3],
      ['c', 2],
      ['d', 4],
    ],
  )
})
