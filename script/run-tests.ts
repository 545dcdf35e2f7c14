/**
 * Runs the whole suite once per database and judges the counts: Node's runner also ends well where it found no test,
 * and where all were skipped.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A run with fewer tests has not found them all. Raise it with the suite. */
const FLOOR = 1_900

const SUITE = [
  '--test',
  '--test-force-exit',
  '--test-isolation=none',
  '--test-timeout=30000',
  '--test-reporter=spec',
]
const FILES = '{src,test,script,bench}/**/*.test.ts'
const RUNS = [
  { database: 'SQLite', start: [] },
  { database: 'PostgreSQL', start: ['test/support/with-postgres.ts', process.execPath] },
]

type Counts = Record<'tests' | 'pass' | 'fail' | 'cancelled' | 'skipped', number>

/** Runs the suite, showing all it prints; the counts are those of the runner's own summary. */
async function runSuite(start: readonly string[]): Promise<{ status: number; counts: Counts }> {
  const child = spawn(process.execPath, [...start, ...SUITE, FILES], { stdio: ['ignore', 'pipe', 'inherit'] })
  const counts: Counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0 }
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line)
    const [, name, count] = /^ℹ (tests|pass|fail|cancelled|skipped) (\d+)$/.exec(line) ?? []
    if (name) counts[name as keyof Counts] = Number(count)
  })
  const [status] = await once(child, 'close')
  return { status: status ?? 1, counts }
}

const total = { passed: 0, failed: 0, skipped: 0 }
const problems: string[] = []
for (const { database, start } of RUNS) {
  console.log(`\nTests on ${database}`)
  const { status, counts } = await runSuite(start)
  total.passed += counts.pass
  total.failed += counts.fail + counts.cancelled
  total.skipped += counts.skipped
  if (status !== 0) problems.push(`${database}: the test runner ended with status ${status}`)
  if (counts.tests < FLOOR)
    problems.push(`${database}: ${counts.tests} tests ran, at least ${FLOOR} are there`)
  if (counts.skipped > 0 && process.env.CI === 'true') {
    problems.push(`${database}: ${counts.skipped} tests were skipped, none may be where CI=true`)
  }
}

for (const problem of problems) console.log(problem)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = problems.length === 0 ? 0 : 1
