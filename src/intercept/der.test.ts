import assert from 'node:assert/strict'
import { test } from 'node:test'
import { integer, objectId, octetString, time } from './der.ts'

const hex = (bytes: Buffer) => bytes.toString('hex')

test('an integer whose first bit is set gets a zero byte, lest it be negative', () => {
  assert.equal(hex(integer(0)), '020100')
  assert.equal(hex(integer(127)), '02017f')
  assert.equal(hex(integer(128)), '02020080')
  assert.equal(hex(integer(Buffer.from([0xff, 0x01]))), '020300ff01')
})

test('lengths of 128 and more are written with their own length', () => {
  assert.equal(hex(octetString(Buffer.alloc(127)).subarray(0, 2)), '047f')
  assert.equal(hex(octetString(Buffer.alloc(128)).subarray(0, 3)), '048180')
  assert.equal(hex(octetString(Buffer.alloc(256)).subarray(0, 4)), '04820100')
  assert.equal(hex(octetString(Buffer.alloc(65_536)).subarray(0, 5)), '0483010000')
})

test('object identifiers put seven bits into a byte', () => {
  assert.equal(hex(objectId('1.2.840.113549')), '06062a864886f70d')
  assert.equal(hex(objectId('2.16.840.1.113894.746875.1.1')), '060c6086480186f966adca7b0101')
})

test('years from 2050 are written with four digits', () => {
  assert.equal(time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)).toString('latin1'), '\x17\x0d491231235959Z')
  assert.equal(time(Date.UTC(2050, 0, 1)).toString('latin1'), '\x18\x0f20500101000000Z')
})
