import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeTemporaryDirectory } from '../../test/support/engines.ts'
import { examineOwnClock } from './examine-own-clock.ts'

test('a clock that the kernel does not call synchronised is a warning; one that tells nothing is not', async () => {
  const folder = makeTemporaryDirectory()
  // What stands for `timedatectl` of machines that are not this one.
  const examineWhere = async (name: string, lines: string) => {
    const command = join(folder, name)
    writeFileSync(command, `#!/bin/sh\n${lines}\n`, { mode: 0o700 })
    const { state, detail } = await examineOwnClock(Date.parse('2026-11-20T12:00:00Z'), command)
    return `${state}: ${detail}`
  }
  assert.match(await examineWhere('kept', 'echo yes'), /^ok: 2026-11-20T12:00:00.000Z by .* keeps it by NTP$/)
  assert.match(await examineWhere('free', 'echo no'), /^warning: 2026-.* not synchronised$/)
  assert.match(await examineWhere('silent', 'echo no bus >&2; exit 1'), /^ok: 2026-.* does not tell/)
  const { state, detail } = await examineOwnClock(0, join(folder, 'nowhere'))
  assert.match(`${state}: ${detail}`, /^ok: 1970-.* does not tell/)
})
