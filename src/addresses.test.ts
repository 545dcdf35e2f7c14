import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  networkSet,
  normalizeNetwork,
  parseNetwork,
  plainAddress,
  sourceAddress,
  subscriberOf,
} from './addresses.ts'

test('a network is an address, or an address and the length of its prefix', () => {
  assert.deepEqual(parseNetwork('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8, family: 'ipv4' })
  assert.deepEqual(parseNetwork('203.0.113.5'), { address: '203.0.113.5', prefix: 32, family: 'ipv4' })
  assert.deepEqual(parseNetwork('2001:db8::/32'), { address: '2001:db8::', prefix: 32, family: 'ipv6' })
  assert.deepEqual(parseNetwork('::1'), { address: '::1', prefix: 128, family: 'ipv6' })
  for (const text of [
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0',
    '010.0.0.1',
    'localhost',
    'fe80::1%eth0',
    ' 10.0.0.1',
  ]) {
    assert.equal(parseNetwork(text), undefined, text)
  }
})

test('a network is kept without the bits behind its prefix', () => {
  for (const [text, kept] of [
    ['198.51.100.7/24', '198.51.100.0/24'],
    ['10.255.255.255/9', '10.128.0.0/9'],
    ['203.0.113.5', '203.0.113.5'],
    ['203.0.113.5/0', '0.0.0.0/0'],
    ['2001:DB8:0:0:0:0:0:1/32', '2001:db8::/32'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['::1', '::1'],
    ['::ffff:10.1.2.3/104', '::ffff:a00:0/104'],
    ['10.0.0.0/33', undefined],
  ] as const) {
    assert.equal(normalizeNetwork(text), kept, text)
  }
})

describe('a set of networks', () => {
  const set = networkSet(['10.0.0.0/8', '203.0.113.5', '2001:db8::/32'])

  test('holds what lies in one of them', () => {
    for (const address of ['10.255.0.1', '203.0.113.5', '2001:db8:1::1', '::ffff:10.1.2.3'])
      assert.ok(set.has(address), address)
  })

  test('holds nothing else, and nothing that is no address', () => {
    for (const address of [
      '11.0.0.1',
      '203.0.113.6',
      '2001:db9::1',
      '::ffff:11.0.0.1',
      '',
      'unknown',
      '10.0.0',
    ])
      assert.ok(!set.has(address), address)
  })

  test('all of one family is none of the other', () => {
    assert.ok(!networkSet(['0.0.0.0/0']).has('2001:db8::1'))
    assert.ok(!networkSet(['::1/128']).has('127.0.0.1'))
    assert.ok(!networkSet([]).has('127.0.0.1'))
    for (const wide of ['::/0', '::/64', '::/80', '::ffff:0:0/95']) {
      for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'])
        assert.ok(!networkSet([wide]).has(address), `${wide} ${address}`)
    }
    assert.ok(networkSet(['::/0']).has('2001:db8::1'))
  })
})

test('a network of IPv4 may be written as one of IPv6', () => {
  for (const network of ['192.0.2.0/24', '::ffff:192.0.2.0/120', '::ffff:c000:200/120']) {
    for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'])
      assert.ok(networkSet([network]).has(address), `${network} ${address}`)
    assert.ok(!networkSet([network]).has('192.0.3.1'), network)
    assert.ok(!networkSet([network]).has('::c000:201'), network)
  }
  assert.ok(networkSet(['::ffff:0:0/96']).has('192.0.2.1'))
})

test('an address is written one way, whatever socket or proxy it came through', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(plainAddress('192.0.2.1:4711'), '192.0.2.1')
  assert.equal(plainAddress('[2001:db8::1]:4711'), '2001:db8::1')
  assert.equal(plainAddress('2001:db8::1'), '2001:db8::1')
})

test('what a proxy passed on but is no address gives way to its own', () => {
  assert.equal(sourceAddress('192.0.2.1', '10.0.0.1'), '192.0.2.1')
  assert.equal(sourceAddress('unknown', '::ffff:10.0.0.1'), '10.0.0.1')
  assert.equal(sourceAddress("' or 1=1", '10.0.0.1'), '10.0.0.1')
})

test('the addresses of one IPv6 subscriber count as one', () => {
  assert.equal(subscriberOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(subscriberOf('2001:db8:1:2::9'), '2001:db8:1:2::/64')
  assert.equal(subscriberOf('2001:0db8:1:0002::1'), '2001:db8:1:2::/64')
  assert.equal(subscriberOf('2001:db8::9'), '2001:db8:0:0::/64')
  assert.equal(subscriberOf('::1'), '0:0:0:0::/64')
  assert.equal(subscriberOf('64:ff9b::192.0.2.1'), '64:ff9b:0:0::/64')
  assert.equal(subscriberOf('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(subscriberOf('192.0.2.1'), '192.0.2.1')
})
