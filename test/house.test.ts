/** The house's order: which file may import which, and where the world is let in. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, test } from 'node:test'

const ROOT = resolve(import.meta.dirname, '..')
const MAX_LINES = 350

interface Source {
  path: string
  text: string
  /** Of ours, as paths from the root. */
  imports: string[]
}

const sources: Source[] = globSync('{src,bin,script,bench}/**/*.ts', { cwd: ROOT })
  .filter((path) => !path.endsWith('.test.ts'))
  .map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    const named = text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g)
    return { path, text, imports: [...named].map(([, to = '']) => join(dirname(path), to)) }
  })

const RULES: readonly [rule: string, of: RegExp, mayImport: RegExp][] = [
  ['http/ imports no room', /^src\/http\//, /^src\/((http|storage)\/|context\.ts$)/],
  ['storage/ imports no room', /^src\/storage\//, /^src\/(storage\/|(clock|log|refusal|secret)\.ts$)/],
  [
    'a provider knows the interface, the world, and how texts and addresses are encoded',
    /^src\/delivery\/providers\/[^/]+\//,
    /^src\/(delivery\/(providers\/|provider\.ts$|gsm\.ts$|channels\/address\.ts$)|(clock|log|secret)\.ts$)/,
  ],
  ['a provider imports no other provider', /^src\/delivery\/providers\/smtp\//, /^(?!.*\/providers\/smpp\/)/],
  ['a provider imports no other provider', /^src\/delivery\/providers\/smpp\//, /^(?!.*\/providers\/smtp\/)/],
  ['wire.ts never imports store.ts', /\/wire\.ts$/, /^(?!.*\/store\.ts$)/],
  ['store.ts knows nothing of HTTP', /^src\/(?!storage\/).*\/store\.ts$/, /^(?!src\/http\/)/],
  ['no test is imported', /./, /^(?!test\/|.*\.test\.ts$)/],
]

describe('imports', () => {
  for (const [rule, of, mayImport] of RULES) {
    test(`${rule}: ${of.source}`, () => {
      const governed = sources.filter(({ path }) => of.test(path))
      assert.ok(governed.length > 0, 'the rule governs nothing')
      const broken = governed.flatMap(({ path, imports }) =>
        imports.filter((to) => !mayImport.test(to)).map((to) => `${path} imports ${to}`),
      )
      assert.deepEqual(broken, [])
    })
  }
})

describe('the world comes in at one place', () => {
  const holding = (pattern: RegExp, under = /^src\//) =>
    sources.filter(({ path, text }) => under.test(path) && pattern.test(text)).map(({ path }) => path)

  for (const [what, pattern] of [
    ['time', /\bDate\.now\b|\bnew Date\(\)/],
    ['chance', /\bMath\.random\b|\brandom(Bytes|Int|FillSync|UUID)\(/],
  ] as const) {
    test(`${what} is read in context.ts only`, () => assert.deepEqual(holding(pattern), ['src/context.ts']))
  }

  test('the environment is read by programs, which hand it on', () => {
    assert.deepEqual(holding(/\bprocess\.env\b/), [])
    assert.notDeepEqual(holding(/\bprocess\.env\b/, /^bin\//), [])
  })

  test('SQL is in store.ts and storage/ only', () => {
    const found = holding(/\.(run|get|all)(<[^`]*?>)?`|\bsql`/)
    assert.ok(found.includes('src/inbox/store.ts'))
    assert.deepEqual(
      found.filter((path) => !/^src\/storage\/|\/store\.ts$/.test(path)),
      [],
    )
  })

  test('the API is refused by the catalogue only', () => {
    assert.deepEqual(holding(/\bnew ApiError\(/), ['src/http/errors.ts'])
  })
})

test('a file is short, and called after what it holds', () => {
  const long = sources.filter(({ text }) => text.split('\n').length > MAX_LINES).map(({ path }) => path)
  assert.deepEqual(long, [])
  const vague = sources.filter(({ path }) => /(util|helper|common|misc|shared)s?\.ts$/.test(path))
  assert.deepEqual(vague, [])
})
