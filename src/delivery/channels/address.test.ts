import assert from 'node:assert/strict'
import test from 'node:test'
import { parseAddress } from './address.ts'

test('an address is sent to as typed, and takes the slot of its lower-case form', () => {
  assert.deepEqual(parseAddress('Ann.Lee+otp@Example.COM'), {
    address: 'Ann.Lee+otp@example.com',
    slot: 'ann.lee+otp@example.com',
  })
  assert.equal(parseAddress("o'neil/x{1}@mail.example")?.slot, "o'neil/x{1}@mail.example")
})

test('a domain in any script becomes A-labels', () => {
  assert.equal(parseAddress('a@MÜNCHEN.de')?.address, 'a@xn--mnchen-3ya.de')
  assert.equal(parseAddress('a@例え。テスト')?.address, 'a@xn--r8jz45g.xn--zckzah')
  assert.equal(parseAddress('a@xn--mnchen-3ya.de')?.slot, parseAddress('a@münchen.de')?.slot)
})

test('a local part in any script is kept, and composed so that two spellings are one slot', () => {
  assert.equal(parseAddress('Jose\u0301@example.com')?.slot, parseAddress('JOSÉ@example.com')?.slot)
  assert.equal(parseAddress('用户@example.com')?.address, '用户@example.com')
})

const local64 = 'a'.repeat(64)
const label = 'b'.repeat(59)

test('lengths count octets', () => {
  assert.ok(parseAddress(`${local64}@example.com`))
  assert.equal(parseAddress(`${local64}a@example.com`), undefined)
  assert.equal(parseAddress(`${'é'.repeat(33)}@example.com`), undefined)
  const longest = `${local64}@${label}.${label}.${label}.${'c'.repeat(6)}.de`
  assert.equal(longest.length, 254)
  assert.ok(parseAddress(longest))
  assert.equal(parseAddress(longest.replace('@', '@c')), undefined)
  assert.equal(parseAddress(`a@${'b'.repeat(64)}.de`), undefined)
})

const refused = {
  nothing: '',
  'no @': 'example.com',
  'no local part': '@example.com',
  'no domain': 'a@',
  'two @': 'a@b@example.com',
  'a list': 'a@example.com,b@example.com',
  'a list with semicolon': 'a@example.com;b@example.com',
  'a display name': 'Ann <a@example.com>',
  'angle brackets': '<a@example.com>',
  'a comment': 'a(x)@example.com',
  'a comment in the domain': 'a@example.com(x)',
  'a quoted local part': '"a b"@example.com',
  'a route': '@relay.example:a@example.com',
  'a group': 'g:a@example.com;',
  'a space': 'a b@example.com',
  'a space before': ' a@example.com',
  'a line break after': 'a@example.com\n',
  'a header after a line break': 'a@example.com\r\nBcc: b@example.com',
  'a line break in the local part': 'a\r\nRCPT TO:<b@example.com>@example.com',
  NUL: 'a\0@example.com',
  'a C1 control': 'a\u0085@example.com',
  'a line separator': 'a\u2028@example.com',
  'a zero-width space': 'a\u200b@example.com',
  'a direction override': 'a\u202e@example.com',
  'a soft hyphen in the domain': 'a@ex\u00adample.com',
  'a lone surrogate': 'a\ud800@example.com',
  'a backslash': 'a\\@example.com',
  'a dot at the end of the local part': 'a.@example.com',
  'two dots': 'a..b@example.com',
  'two dots in the domain': 'a@example..com',
  'a dot at the end': 'a@example.com.',
  'no dot in the domain': 'a@localhost',
  'an address literal': 'a@[192.0.2.1]',
  'an IPv4 address': 'a@192.0.2.1',
  'a hexadecimal IPv4 address': 'a@0x7f.1',
  'a port': 'a@example.com:25',
  'a path': 'a@example.com/b',
  'a percent escape in the domain': 'a@ex%61mple.com',
  'a wide slash': 'a@example.com／b',
  'an underscore in the domain': 'a@x_y.com',
  'a hyphen at a label edge': 'a@-example.com',
}

for (const [what, input] of Object.entries(refused)) {
  test(`refuses ${what}`, () => assert.equal(parseAddress(input), undefined))
}
