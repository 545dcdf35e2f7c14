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

test('it is never fuller than it may be, whatever was deleted or cleared meanwhile', () => {
  const map = new BoundedMap<number, number>(3)
  const kept = () => [...map.keys()]
  for (let key = 0; key < 10; key++) map.set(key, key)
  assert.deepEqual(kept(), [7, 8, 9])
  map.delete(7)
  map.set(10, 10).set(11, 11)
  assert.deepEqual(kept(), [9, 10, 11])
  for (const key of kept()) map.delete(key)
  for (let key = 20; key < 25; key++) map.set(key, key)
  assert.deepEqual(kept(), [22, 23, 24])
  map.clear()
  for (let key = 30; key < 35; key++) map.set(key, key)
  assert.deepEqual(kept(), [32, 33, 34])
})
