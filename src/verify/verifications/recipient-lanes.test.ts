import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stillClock } from '../../../test/support/engines.ts'
import { RecipientLanes } from './recipient-lanes.ts'

test('a lane ends with its last request, whatever that throws, and what it knew is forgotten', async () => {
  const lanes = new RecipientLanes(stillClock)
  const failed = lanes.update('slot', (lane) => {
    lane.exhausted = { sid: 'VE', expiresAtMs: 1 }
    throw new Error('at once')
  })
  await assert.rejects(failed, /at once/)
  assert.equal(await lanes.check('slot', undefined, async () => 'asked'), 'asked')
})
