import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Context, systemRandom } from '../../src/context.ts'
import { generateCode } from '../../src/verify/verifications/code.ts'

const CODES = 1_000_000
const LENGTH = 6
/** χ² that chance exceeds once in 1,000 times: for ten digits, for a hundred pairs. */
const CRITICAL = { digit: 27.88, pair: 148.23 }

type Draw = () => string

/** χ² against all cells being alike, cells taken from each code by `cell`. */
function chiSquare(codes: readonly string[], cells: number, cell: (code: string) => string): number {
  const counts = new Array<number>(cells).fill(0)
  for (const code of codes) {
    const index = Number(cell(code))
    counts[index] = (counts[index] ?? 0) + 1
  }
  const expected = codes.length / cells
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** The places in a code where its digits, or neighbours as pairs, are not alike often. */
function findUneven(draw: Draw): string[] {
  const codes = Array.from({ length: CODES }, draw)
  return Array.from({ length: LENGTH }, (_, at) => at).flatMap((at) => [
    ...(chiSquare(codes, 10, (code) => code.slice(at, at + 1)) > CRITICAL.digit ? [`digit ${at}`] : []),
    ...(at + 1 < LENGTH && chiSquare(codes, 100, (code) => code.slice(at, at + 2)) > CRITICAL.pair
      ? [`pair ${at}`]
      : []),
  ])
}

/** What is uneven in a first million and again in a second one: chance does that once in 90,000 runs. */
function findUnevenTwice(draw: Draw): string[] {
  const first = findUneven(draw)
  if (first.length === 0) return []
  const second = findUneven(draw)
  return first.filter((place) => second.includes(place))
}

test('codes are uniform, in each digit and each pair of neighbours', () => {
  const ctx = { random: systemRandom } as Context
  assert.deepEqual(
    findUnevenTwice(() => generateCode(ctx, LENGTH)),
    [],
  )
})

test('a bias that one code in a hundred shows is seen', () => {
  const biased = () => {
    const code = systemRandom.int(10 ** LENGTH)
    // Every hundredth code without a leading zero, as a careless minimum makes it.
    const shifted = code < 10 ** (LENGTH - 1) && systemRandom.int(10) === 0 ? code + 10 ** (LENGTH - 1) : code
    return String(shifted).padStart(LENGTH, '0')
  }
  assert.ok(findUnevenTwice(biased).includes('digit 0'))
})

test('no other chance is in use', () => {
  const sources = globSync(join(import.meta.dirname, '../../{src,bin}/**/*.ts'))
  assert.ok(sources.length > 50)
  const weak = sources.filter((path) => readFileSync(path, 'utf8').includes('Math.random'))
  assert.deepEqual(weak, [])
})
