import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import twilio from 'twilio'
import { isSigned, type SignedRequest } from './signature.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const URL = 'https://demo-auth-4965-dev.twil.io/sms-reply?a=1'
const FORM = 'application/x-www-form-urlencoded'

const request = (more: Partial<SignedRequest>): SignedRequest => ({
  url: URL,
  signature: undefined,
  contentType: undefined,
  body: Buffer.alloc(0),
  ...more,
})
const form = (body: string, more: Partial<SignedRequest> = {}) =>
  request({ contentType: FORM, body: Buffer.from(body), ...more })
const byLibrary = (url: string, parameters: Record<string, unknown>, token = TOKEN) =>
  twilio.getExpectedTwilioSignature(token, url, parameters)

describe('a signature', () => {
  test('of the known examples', () => {
    const signature = '3t4xfKuUqctcTI45rAh52xyIKTE='
    assert.ok(isSigned([TOKEN], form('Body=hi&From=%2B15551230000', { signature })))
    assert.ok(isSigned([TOKEN], form('From=%2B15551230000&Body=hi', { signature })))
    assert.ok(isSigned([TOKEN], request({ signature: 'Zc10UHaRQubsg+Kimr5cPgpRSOw=' })))
    const url = `${URL}&bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862`
    const json = { url, contentType: 'application/json', body: Buffer.from('{"a":1}') }
    assert.ok(isSigned([TOKEN], request({ ...json, signature: byLibrary(url, {}) })))
  })

  test('as the official library makes it, of parameters of every kind', () => {
    for (const [body, parameters] of [
      ['', {}],
      ['b=2&a=1&B=3', { b: '2', a: '1', B: '3' }],
      ['a=2&a=1&a=2', { a: ['2', '1', '2'] }],
      ['a=%C3%BC+%26&empty=', { a: 'ü &', empty: '' }],
    ] as const)
      assert.ok(isSigned([TOKEN], form(body, { signature: byLibrary(URL, parameters) })), body)
  })

  test('with the port of the scheme or without it, whichever was signed', () => {
    const [bare, with443] = ['https://a.twil.io/b?c=d', 'https://a.twil.io:443/b?c=d']
    assert.ok(isSigned([TOKEN], request({ url: bare, signature: byLibrary(with443, {}) })))
    assert.ok(isSigned([TOKEN], request({ url: with443, signature: byLibrary(bare, {}) })))
    const [plain, with80] = ['http://a.localhost/b', 'http://a.localhost:80/b']
    assert.ok(isSigned([TOKEN], request({ url: plain, signature: byLibrary(with80, {}) })))
    const mapped = { url: 'http://a.localhost:8080/b', signature: byLibrary('http://a.localhost:8080/b', {}) }
    assert.ok(isSigned([TOKEN], request(mapped)))
  })

  test('by any of the tokens', () => {
    const signature = byLibrary(URL, {}, 'f'.repeat(32))
    assert.ok(isSigned([TOKEN, 'f'.repeat(32)], request({ signature })))
    assert.ok(!isSigned([TOKEN], request({ signature })))
    assert.ok(!isSigned([], request({ signature })))
  })

  test('covers the body, whatever it is', () => {
    const signature = byLibrary(URL, {})
    assert.ok(!isSigned([TOKEN], form('a=1', { signature })))
    const json = { contentType: 'application/json', body: Buffer.from('{"a":1}') }
    assert.ok(!isSigned([TOKEN], request({ ...json, signature })))
    const url = `${URL}&bodySHA256=${'0'.repeat(64)}`
    assert.ok(!isSigned([TOKEN], request({ ...json, url, signature: byLibrary(url, {}) })))
    assert.ok(!isSigned([TOKEN], form('a=1', { url, signature: byLibrary(url, { a: '1' }) })))
  })

  test('is none over what is no address', () => {
    const signature = byLibrary(URL, {})
    assert.ok(!isSigned([TOKEN], request({ url: 'http://label.localhost:99999/', signature })))
  })

  test('is none where it is missing, cut, or of something else', () => {
    const signature = byLibrary(URL, {})
    for (const wrong of [undefined, '', signature.slice(0, -1), `${signature}=`, byLibrary(`${URL}&b=2`, {})])
      assert.ok(!isSigned([TOKEN], request({ signature: wrong })), `${wrong}`)
  })
})
