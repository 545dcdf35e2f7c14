import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { random } from '../../test/support/engines.ts'
import { keyId, parseKeyRing } from './key-ring.ts'
import { createVault, indexHash, sealedPrefix, VaultError } from './vault.ts'

const makeRing = (keys: number) =>
  parseKeyRing(
    Array.from({ length: keys }, () => randomBytes(32).toString('base64')),
    'test',
  )
const ring = makeRing(2)
const [first = '', second = ''] = ring.keys()
const text = Buffer.from('493817')

test('opens what it sealed, in the same context only', () => {
  const vault = createVault(ring, first, random)
  const sealed = vault.seal(text, 'AC1/VE1/code')
  assert.deepEqual(Buffer.from(vault.open(sealed, 'AC1/VE1/code')), text)
  assert.throws(() => vault.open(sealed, 'AC1/VE2/code'), VaultError)
  assert.deepEqual(Buffer.from(vault.open(vault.seal(Buffer.alloc(0), ''), '')), Buffer.alloc(0))
})

test('the same text is sealed differently each time, and does not show', () => {
  const vault = createVault(ring, first, random)
  const one = Buffer.from(vault.seal(text, 'x'))
  assert.notDeepEqual(one, Buffer.from(vault.seal(text, 'x')))
  assert.equal(one.includes(text), false)
})

test('a change of any byte is noticed', () => {
  const vault = createVault(ring, first, random)
  const sealed = vault.seal(text, 'x')
  for (let i = 0; i < sealed.length; i++) {
    const changed = Uint8Array.from(sealed)
    changed[i] = (changed[i] ?? 0) ^ 1
    assert.throws(() => vault.open(changed, 'x'), VaultError, `byte ${i}`)
  }
  assert.throws(() => vault.open(sealed.subarray(0, 20), 'x'), VaultError)
})

test('rotation: the active key seals, older keys of the ring still open', () => {
  const old = createVault(ring, first, random).seal(text, 'x')
  const vault = createVault(ring, second, random)
  assert.deepEqual(Buffer.from(vault.open(old, 'x')), text)
  const renewed = vault.seal(text, 'x')
  assert.equal(Buffer.from(renewed).toString('hex', 1, 5), second)
  const retired = createVault(new Map([...ring].slice(1)), second, random)
  assert.deepEqual(Buffer.from(retired.open(renewed, 'x')), text)
  assert.throws(() => retired.open(old, 'x'), new RegExp(`master key ${first}`))
})

test('keys change while it serves: the new one seals, the old one opens as long as the ring has it', () => {
  const vault = createVault(new Map([...ring].slice(0, 1)), first, random)
  const old = vault.seal(text, 'x')
  vault.useKeys(ring, second)
  assert.deepEqual([vault.activeKeyId, vault.keyIds], [second, [first, second]])
  const renewed = vault.seal(text, 'x')
  assert.deepEqual(Buffer.from(renewed.subarray(0, 5)), sealedPrefix(second))
  for (const value of [old, renewed]) assert.deepEqual(Buffer.from(vault.open(value, 'x')), text)
  vault.useKeys(new Map([...ring].slice(1)), second)
  assert.deepEqual(Buffer.from(vault.open(renewed, 'x')), text)
  assert.throws(() => vault.open(old, 'x'), new RegExp(`master key ${first}`))
})

test('without the key that the installation seals with it seals nothing, until it has it', () => {
  const onlyFirst = new Map([...ring].slice(0, 1))
  const vault = createVault(onlyFirst, first, random)
  vault.useKeys(onlyFirst, second)
  assert.throws(() => vault.seal(text, 'x'), new RegExp(`master key ${second}`))
  vault.useKeys(ring, second)
  assert.deepEqual(Buffer.from(vault.seal(text, 'x').subarray(0, 5)), sealedPrefix(second))
})

test('a process opens what another start of it sealed', () => {
  const sealed = Array.from({ length: 300 }, (_, i) => createVault(ring, first, random).seal(text, String(i)))
  const vault = createVault(ring, first, random)
  for (const [i, value] of sealed.entries()) assert.deepEqual(Buffer.from(vault.open(value, String(i))), text)
})

test('a node without the active key does not start', () => {
  assert.throws(() => createVault(makeRing(1), first, random), new RegExp(`sealed with master key ${first}`))
})

test('key ids are the first bytes of the SHA-256', () => {
  assert.equal(keyId(Buffer.alloc(32)), '66687aad')
})

test('an index hash depends on the key, on each part, and on where the parts divide', () => {
  const key = Buffer.alloc(32, 1)
  const hashes = [
    indexHash(key, 'a', 'bc'),
    indexHash(key, 'ab', 'c'),
    indexHash(key, 'abc'),
    indexHash(key, 'a', 'bc', ''),
    indexHash(key, '1:a', 'bc'),
    indexHash(Buffer.alloc(32, 2), 'a', 'bc'),
  ]
  assert.equal(new Set(hashes.map((value) => value.toString('hex'))).size, hashes.length)
  assert.deepEqual(indexHash(key, 'a', 'bc'), hashes[0])
  assert.equal(hashes[0]?.length, 32)
})
