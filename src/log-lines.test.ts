import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'

const MODULE = new URL('log-lines.ts', import.meta.url).href

/** What a program that logs lines 0 … count-1 and then does `end` has written when it has ended. */
function logAll(count: number, end: string): Promise<{ lines: string[]; code: unknown }> {
  const program = `import { openLogLines } from '${MODULE}'
    for (let i = 0; i < ${count}; i++) openLogLines().write(i + ' •••\\n')
    ${end}`
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', program], (error, _out, err) =>
      resolve({ lines: err.trimEnd().split('\n'), code: error?.code ?? 0 }),
    )
  })
}

// 10,000 lines are several writes. An exit does not wait for one that is under way.
for (const [count, how, end, code] of [
  [1, 'by itself', '', 0],
  [10_000, 'by itself', '', 0],
  [1, 'by exit', 'process.exit(3)', 3],
] as const)
  test(`a process that ends ${how} has written each of ${count} lines once, in turn`, async () => {
    const ended = await logAll(count, end)
    assert.deepEqual(ended, { lines: Array.from({ length: count }, (_, i) => `${i} •••`), code })
  })

test('lines are written while the process goes on', async () => {
  const { lines } = await logAll(1, "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5_000)")
  assert.deepEqual(lines, ['0 •••'])
})
