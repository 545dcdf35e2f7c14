import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { Secret } from './secret.ts'

const word = 'hunter2hunter2'

test('a secret is revealed only by asking', () => {
  const secret = new Secret(word)
  assert.equal(secret.reveal(), word)
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
    inspect(secret, { customInspect: false, showHidden: true }),
    format('%s %o %O %j', secret, secret, secret, secret),
    Object.keys(secret).join(),
    JSON.stringify(structuredClone({ ...secret })),
  ]
  for (const text of shown) assert.ok(!text.includes(word), text)
  assert.equal(shown[2], '{"secret":"[secret]"}')
})

test('a secret may hold more than text', () => {
  assert.deepEqual(new Secret({ password: word }).reveal(), { password: word })
})
