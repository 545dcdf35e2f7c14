import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../config-values.ts'
import { proxyAuthorization, readUpstream } from './upstream.ts'

test('names of variables count in both cases, lower first, and an empty value is none', () => {
  const upstream = readUpstream({ HTTPS_PROXY: 'http://upper:1', https_proxy: 'lower:2', http_proxy: '' })
  assert.equal(upstream('https', 'example.com')?.href, 'http://lower:2/')
  assert.equal(upstream('http', 'example.com'), undefined)
  assert.equal(readUpstream({ ALL_PROXY: 'http://all:3' })('http', 'example.com')?.host, 'all:3')
})

test('no_proxy takes names, addresses and networks', () => {
  const no_proxy =
    'example.com, .example.org *.example.net 10.0.0.0/8,[2001:db8::]/32 192.0.2.7 junk/99 10.1.1.1/77 11.0.0.0/'
  const upstream = readUpstream({ https_proxy: 'http://proxy:3128', no_proxy })
  const direct = [
    'example.com',
    'a.example.com',
    'example.org',
    'a.b.example.net',
    '10.9.9.9',
    '2001:db8::1',
    '192.0.2.7',
  ]
  const led = ['notexample.com', 'example.com.evil.test', '11.0.0.1', '2001:db9::1', '192.0.2.8']
  assert.deepEqual(
    direct.filter((host) => upstream('https', host)),
    [],
  )
  assert.deepEqual(
    led.filter((host) => !upstream('https', host)),
    [],
  )
})

test('loopback never goes to a proxy, and * exempts everything', () => {
  const upstream = readUpstream({ https_proxy: 'http://proxy:3128' })
  assert.deepEqual(
    ['localhost', '127.0.0.1', '127.8.8.8', '::1'].filter((host) => upstream('https', host)),
    [],
  )
  assert.equal(
    readUpstream({ https_proxy: 'http://proxy:3128', NO_PROXY: '*' })('https', 'example.com'),
    undefined,
  )
})

test('a proxy of another kind is refused, without showing its password', () => {
  const read = () => readUpstream({ all_proxy: 'socks5://ann:pass@proxy:1080' })
  assert.throws(read, (error) => error instanceof ConfigError && !error.message.includes('pass'))
})

test('user and password of a proxy become its header', () => {
  const [, header] = proxyAuthorization(new URL('http://ann:p%40ss@proxy:3128'))
  assert.equal(header, `Basic ${Buffer.from('ann:p@ss').toString('base64')}`)
  const [, odd] = proxyAuthorization(new URL('http://ann:50%@proxy:3128'))
  assert.equal(odd, `Basic ${Buffer.from('ann:50%').toString('base64')}`)
  assert.deepEqual(proxyAuthorization(new URL('http://proxy:3128')), [])
})
