import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ApiError } from './errors.ts'
import { parseForm, picker } from './form.ts'
import { jsonText, oneOf } from './schema.ts'
import { Type } from './type.ts'

const entries = (text: string) => Object.entries(parseForm(text))

describe('a form', () => {
  for (const [what, text, parsed] of [
    ['nothing', '', []],
    ['one parameter', 'To=%2B14155552671', [['To', '+14155552671']]],
    ['a plus is a space', 'Name=A+b', [['Name', 'A b']]],
    [
      'no value',
      'a&b=',
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    ['an equals sign in the value', 'a=b=c', [['a', 'b=c']]],
    ['a dotted key', 'Totp.Skew=1', [['Totp.Skew', '1']]],
    ['a key given thrice', 'a=1&a=2&a=3', [['a', ['1', '2', '3']]]],
    ['characters of four bytes', 'a=%F0%9F%8E%89', [['a', '🎉']]],
    ['a NUL', 'a=%00', [['a', '\0']]],
    [
      'broken percent-encoding',
      'a=%&b=%E0%A4%A&c=%zz',
      [
        ['a', '%'],
        ['b', '%E0%A4%A'],
        ['c', '%zz'],
      ],
    ],
  ] as const) {
    test(`${what}: ${JSON.stringify(text)}`, () => assert.deepEqual(entries(text), parsed))
  }

  test('names of the language are names like others, and touch nothing', () => {
    const form = parseForm('__proto__=x&constructor=y&hasOwnProperty=z')
    assert.deepEqual(Object.keys(form), ['__proto__', 'constructor', 'hasOwnProperty'])
    assert.equal(Object.getPrototypeOf(parseForm('a=1'))?.x, undefined)
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  test('100 parameters are read, of 101 none', () => {
    const fill = (count: number) => Array.from({ length: count }, (_, i) => `p${i}=1`).join('&')
    assert.equal(entries(fill(100)).length, 100)
    assert.throws(() => parseForm(fill(101)), new ApiError(20001, 400, 'Too many parameters'))
    assert.throws(() => parseForm('&'.repeat(100)), ApiError)
  })

  test('or as many as an operation takes', () => {
    assert.equal(parseForm('a=1&'.repeat(1_199), 1_200).a?.length, 1_199)
    assert.throws(() => parseForm('a=1&'.repeat(1_200), 1_200), ApiError)
  })
})

describe('picking what a schema knows', () => {
  const pick = picker(
    Type.Object({
      Text: Type.String(),
      Count: Type.Integer(),
      On: Type.Boolean(),
      Word: oneOf(['one', 'two']),
      Many: Type.Array(Type.String()),
      Json: jsonText(Type.Object({})),
      JsonMany: jsonText(Type.Array(Type.String())),
    }),
  )
  for (const [what, text, picked] of [
    ['what it does not know is left out', 'Other=1&__proto__=2&Text=a', { Text: 'a' }],
    ['of a text given twice the last counts', 'Text=a&Text=b', { Text: 'b' }],
    ['an empty text is one', 'Text=', { Text: '' }],
    ['an empty number, choice or boolean is none', 'Count=&Word=&On=', {}],
    ['a boolean in any case', 'On=TRUE', { On: 'true' }],
    ['a list of one, and of two', 'Many=a', { Many: ['a'] }],
    ['a list of two', 'Many=a&Many=b', { Many: ['a', 'b'] }],
    ['JSON in a value', 'Json={"a":{"b":1}}', { Json: { a: { b: 1 } } }],
    ['a list as JSON', 'JsonMany=["a","b"]', { JsonMany: ['a', 'b'] }],
    ['of JSON given twice the last counts', 'Json={"a":1}&Json={"a":2}', { Json: { a: 2 } }],
    ['empty JSON is none', 'Json=', {}],
  ] as const) {
    test(what, () => assert.deepEqual(pick(parseForm(text)), picked))
  }

  test('JSON that is none is refused by its name', () => {
    for (const text of ['{', 'x', '{"a":}', "{'a':1}"]) {
      assert.throws(() => pick({ Json: text }), new ApiError(60200, 400, 'Invalid parameter: Json'))
    }
  })

  test('JSON cannot name a prototype', () => {
    const { Json } = pick({ Json: '{"__proto__":{"x":1}}' }) as { Json: Record<string, unknown> }
    assert.deepEqual(Object.keys(Json), ['__proto__'])
    assert.equal(Json.x, undefined)
  })
})
