import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HeldBytes, MAX_HELD } from './request.ts'

const MB = 1024 * 1024

describe('the memory that requests hold', () => {
  const takeAll = (pot: HeldBytes, accountSid: string) => {
    const holding = pot.hold(accountSid)
    let taken = 0
    while (holding.take(MB)) taken++
    return { holding, taken }
  }

  test('is half of it for one account at most, and the next finds half of the rest', () => {
    const pot = new HeldBytes()
    const { holding, taken } = takeAll(pot, 'one')
    const half = MAX_HELD / MB / 2
    assert.equal(taken, half)
    assert.ok(!pot.hold('one').take(MB))
    assert.equal(takeAll(pot, 'two').taken, half / 2)
    assert.ok(pot.hold('three').take(6 * MB))
    holding.release()
    assert.ok(pot.hold('one').take(6 * MB))
  })

  test('all that was taken comes back, and nothing is taken after', () => {
    const pot = new HeldBytes()
    for (let n = 0; n < 3; n++) {
      const { holding, taken } = takeAll(pot, 'one')
      assert.equal(taken, MAX_HELD / MB / 2)
      holding.release()
      assert.deepEqual([holding.take(1), holding.share('hash', 1)], [false, false])
    }
  })

  test('a content counts once, until the last who holds it', () => {
    const pot = new HeldBytes()
    const size = MAX_HELD / 2
    const [first, second] = [pot.hold('one'), pot.hold('one')]
    assert.ok(first.share('hash', size) && second.share('hash', size))
    assert.ok(!pot.hold('one').share('other', size))
    first.release()
    assert.ok(!pot.hold('one').take(MB))
    second.release()
    assert.ok(pot.hold('one').take(size))
  })
})
