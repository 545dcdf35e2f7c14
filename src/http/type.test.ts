import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type as Typebox } from 'typebox'
import { Type } from './type.ts'

const build = (T: typeof Type) =>
  T.Object({
    text: T.String({ maxLength: 3 }),
    maybe: T.Optional(T.Integer({ minimum: 1 })),
    list: T.Optional(T.Array(T.Object({ yes: T.Boolean(), no: T.Null() }), { maxItems: 2 })),
    map: T.Record(T.String(), T.Unknown()),
    none: T.Object({ all: T.Optional(T.Number()) }),
    own: T.Unsafe<string>({ type: 'string', enum: ['a'] }),
  })

test('schemas are those that typebox builds', () => {
  assert.equal(JSON.stringify(build(Type)), JSON.stringify(build(Typebox)))
})
