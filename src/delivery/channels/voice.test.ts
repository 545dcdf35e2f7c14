import assert from 'node:assert/strict'
import test from 'node:test'
import { type Locale, TEXTS } from './texts.ts'
import { spokenText } from './voice.ts'

test('the code is said twice, character by character', () => {
  assert.equal(
    spokenText({ locale: 'en', friendlyName: 'Acme', code: '482a' }),
    'Hello. Your Acme verification code is: 4, 8, 2, A. Once again, your code is: 4, 8, 2, A. Goodbye.',
  )
})

test('so it is in every language, and never in one piece', () => {
  for (const locale of Object.keys(TEXTS) as Locale[]) {
    for (const code of ['4829', '482913', '4829130567']) {
      const text = spokenText({ locale, friendlyName: 'Acme', code })
      assert.equal(text.split([...code].join(', ')).length, 3, text)
      assert.ok(text.includes('Acme') && !text.includes(code), text)
    }
  }
})
