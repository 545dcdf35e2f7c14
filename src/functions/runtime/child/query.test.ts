import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { parseQuery } from './query.ts'

/** What Express reads queries with; it comes with the official library. */
const { parse } = createRequire(createRequire(import.meta.url).resolve('twilio'))('qs') as {
  parse(query: string, options: object): object
}

test('queries are read as Express reads them', () => {
  for (const query of [
    '',
    '&',
    'a',
    'a=',
    '=a',
    'a=1&b=2',
    'a=1&a=2&a=3',
    'a=x%20y+z&%C3%A4=%E2%82%AC',
    'a=%zz&b=%E4',
    'a=b=c',
    'a[b]=1&a[c]=2',
    'a[b][c]=1&a[b][d]=2',
    'a[]=1&a[]=2',
    'a[]=1',
    'a[0]=x&a[1]=y',
    'a[1]=y&a[0]=x',
    'a[5]=x',
    'a[21]=x',
    'a[0][b]=1&a[1][b]=2',
    'a[b][]=1&a[b][]=2',
    'a[b]=1&a[b]=2',
    'a]b=1',
    '[a]=1',
    'a[__proto__]=1&__proto__=2&a[b]=3',
    'a[hasOwnProperty]=1&toString=2',
    'a[b][c][d][e][f][g][h]=1',
    'a%5Bb%5D=1',
    'request=mine',
    'a[b=c]=1',
  ]) {
    assert.deepEqual(parseQuery(query), parse(query, { allowPrototypes: true }), query)
  }
})

test('a query cannot reach what all objects share', () => {
  parseQuery('__proto__[polluted]=1&constructor[prototype][polluted]=1&a[__proto__][polluted]=1')
  assert.equal(({} as { polluted?: string }).polluted, undefined)
})

test('no more than a thousand parameters are read', () => {
  const query = Array.from({ length: 1_001 }, (_, i) => `p${i}=1`).join('&')
  assert.equal(Object.keys(parseQuery(query)).length, 1_000)
})
