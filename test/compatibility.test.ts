import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { listCompatibility, sameRoute } from './contract/compatibility.ts'
import { products } from './contract/description.ts'

const page = await readFile(new URL('../docs/compatibility.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `(GET|POST|DELETE) (\/[^`]*)` \| (works|not built yet) \|/gm)].map(
  ([, method = '', path = '', state = '']) => ({ method, path, state }),
)
const table = products.flatMap(listCompatibility)
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`

test('the page lists every operation of the official descriptions once', () => {
  assert.deepEqual(rows.map(nameOf).sort(), table.map(({ described }) => nameOf(described)).sort())
})

test('it says of each whether it is built', () => {
  const built = table.flatMap(({ described, built }) => (built ? [sameRoute(described)] : []))
  const claimed = rows.filter(({ state }) => state === 'works').map(sameRoute)
  assert.deepEqual(claimed.sort(), built.sort())
})
