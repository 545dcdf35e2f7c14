import assert from 'node:assert/strict'
import { test } from 'node:test'
import { productOf, urlsOf } from './urls.ts'

const PUBLIC = 'https://verify.example.com'

for (const [host, secure, publicUrl, base, product] of [
  ['localhost:8080', false, undefined, 'http://localhost:8080', undefined],
  ['localhost:8443', true, undefined, 'https://localhost:8443', undefined],
  ['10.0.0.1', false, PUBLIC, PUBLIC, undefined],
  ['verify.twilio.com', false, undefined, 'https://verify.twilio.com', 'verify'],
  ['verify.twilio.com:443', false, PUBLIC, 'https://verify.twilio.com', 'verify'],
  ['Verify.Twilio.COM', true, PUBLIC, 'https://verify.twilio.com', 'verify'],
  ['verify.dublin.ie1.twilio.com', false, PUBLIC, 'https://verify.dublin.ie1.twilio.com', 'verify'],
  ['api.twilio.com', false, PUBLIC, 'https://api.twilio.com', 'api'],
  ['twilio.com', false, undefined, 'https://twilio.com', 'twilio'],
  ['x-1-dev.twil.io', false, PUBLIC, 'https://x-1-dev.twil.io', 'x-1-dev'],
  ['eviltwilio.com', false, PUBLIC, PUBLIC, undefined],
  ['verify.twilio.com.example.com', false, PUBLIC, PUBLIC, undefined],
  ['verify.twilio.com@example.com', false, PUBLIC, PUBLIC, undefined],
] as const) {
  test(`${host}${publicUrl ? ' with a public address' : ''} is ${base}`, () => {
    assert.deepEqual([urlsOf(host, secure, publicUrl).base, productOf(host)], [base, product])
  })
}
