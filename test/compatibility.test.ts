import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { operations } from '../src/app.ts'

const page = await readFile(new URL('../docs/compatibility.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `([A-Z]+ \/v2\/[^`]*)` \| (works|not built yet) \|/gm)].map(
  ([, operation = '', state = '']) => ({ operation, state }),
)

/** Descriptions and routes name the parts of a path differently. */
const anonymous = (operation: string) => operation.replace(/\{\w+\}|:\w+/g, '{}')

test('the page lists every operation of the official description once', () => {
  const { paths } = createRequire(import.meta.url)(
    '@twilio/cli-core/src/services/twilio-api/twilio_verify_v2.json',
  ) as { paths: Record<string, Record<string, unknown>> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    ['get', 'post', 'delete']
      .filter((method) => method in methods)
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.equal(described.length, 57)
  assert.deepEqual(rows.map(({ operation }) => operation).sort(), described.sort())
})

test('it says of each whether it is built', () => {
  const built = operations
    .map(({ method, path }) => anonymous(`${method} ${path}`))
    .filter((operation) => operation.includes(' /v2/'))
  const claimed = rows.filter(({ state }) => state === 'works').map(({ operation }) => anonymous(operation))
  assert.deepEqual(claimed.sort(), built.sort())
})
