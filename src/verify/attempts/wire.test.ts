import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toSummaryWire } from './wire.ts'

const rate = (converted: number, total: number) =>
  toSummaryWire({ converted, total }, { base: '' }).conversion_rate_percentage

test('a rate that has no more than nine decimals is exact', () => {
  for (let n = 0; n <= 100; n++) assert.equal(rate(n, 100), String(n))
  for (let n = 0; n <= 1000; n++) assert.equal(rate(n, 1000), String(n / 10))
  assert.equal(rate(1_001, 10_000), '10.01')
})

test('further decimals are cut off', () => {
  assert.equal(rate(9, 11), '81.818181818')
  assert.equal(rate(2, 3), '66.666666666')
  assert.equal(rate(0, 0), '0')
})
