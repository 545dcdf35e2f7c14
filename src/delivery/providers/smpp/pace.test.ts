import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testClock } from '../../../../test/support/smpp-lab.ts'
import { createPace } from './pace.ts'

test('no second carries more than the rate and a tenth', () => {
  const clock = testClock()
  const pace = createPace(clock, 50)
  const counts = Array.from({ length: 5 }, () => {
    let taken = 0
    for (let ms = 0; ms < 1000; ms++) {
      while (pace.take() === 0) taken++
      clock.advance(1)
    }
    return taken
  })
  for (const count of counts) assert.ok(count <= 55 && count >= 49, counts.join())
})

test('the wait it names is enough', () => {
  const clock = testClock()
  const pace = createPace(clock, 3)
  assert.equal(pace.take(), 0)
  const waitMs = pace.take()
  assert.equal(waitMs, 334)
  clock.advance(waitMs)
  assert.equal(pace.take(), 0)
})

test('complaints cost a fifth, a burst of them once; ten quiet seconds give a twentieth back', () => {
  const clock = testClock()
  const pace = createPace(clock, 100)
  for (let i = 0; i < 10; i++) pace.slowDown()
  assert.equal(pace.rate(), 80)
  assert.ok(pace.take() > 0)
  clock.advance(1000)
  pace.slowDown()
  assert.equal(pace.rate(), 64)
  clock.advance(10_000)
  pace.take()
  assert.equal(pace.rate(), 69)
  clock.advance(3_600_000)
  pace.take()
  assert.equal(pace.rate(), 100)
})

test('a carrier that only complains is still tried, at a hundredth of the rate', () => {
  const clock = testClock()
  const pace = createPace(clock, 100)
  for (let i = 0; i < 100; i++) {
    pace.slowDown()
    clock.advance(1000)
  }
  assert.equal(pace.rate(), 1)
})
