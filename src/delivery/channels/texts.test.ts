import assert from 'node:assert/strict'
import test from 'node:test'
import { isGsm } from '../gsm.ts'
import { type Locale, TEXTS, type Texts } from './texts.ts'

const tables = Object.entries(TEXTS) as [Locale, Texts][]
const withoutPlaceholders = (text: string) => text.replace(/\{\w+\}/g, '')

test('every language of the reference is here', () => {
  const core =
    'en af ar ca zh zh-CN zh-HK hr cs da nl en-GB fi fr de el he hi hu id it ja ko ms nb pl pt-BR pt ro ru es sv tl th tr vi'
  const more = 'et kn lt mr sk te uk bg bn gu ta ur ka'
  assert.deepEqual(Object.keys(TEXTS).sort(), `${core} ${more}`.split(' ').sort())
})

test('every text has exactly its placeholders', () => {
  const expected = {
    sms: ['code', 'name'],
    doNotShare: ['code', 'name'],
    psd2: ['amount', 'code', 'name', 'payee'],
    call: ['code', 'code', 'name'],
  }
  for (const [locale, texts] of tables) {
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(expected).sort(), locale)
    for (const [which, text] of Object.entries(texts)) {
      const found = Array.from(text.matchAll(/\{(\w+)\}/g), ([, key]) => key).sort()
      assert.deepEqual(found, expected[which as keyof typeof expected], `${locale} ${which}`)
      assert.doesNotMatch(withoutPlaceholders(text), /[{}]/, `${locale} ${which}`)
    }
  }
})

test('every text is composed, trimmed, on one line and without invisible characters', () => {
  for (const [locale, texts] of tables) {
    for (const text of Object.values(texts)) {
      assert.equal(text, text.normalize('NFC').trim(), locale)
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]| {2}/u, locale)
    }
  }
})

test('in a message no letter, mark or digit touches the code', () => {
  for (const [locale, { sms, doNotShare, psd2 }] of tables) {
    for (const text of [sms, doNotShare, psd2]) {
      assert.match(text, /[^\p{L}\p{M}\p{N}]\{code\}(?![\p{L}\p{M}\p{N}_])/u, locale)
    }
  }
})

test('the languages that can keep to the GSM alphabet do, in every message', () => {
  const gsm = 'af ca da de en en-GB es et fi fr hr id it ms nb nl pl ro sv tl tr'.split(' ')
  for (const [locale, { sms, doNotShare, psd2 }] of tables) {
    for (const text of [sms, doNotShare, psd2]) {
      assert.equal(isGsm(withoutPlaceholders(text)), gsm.includes(locale), `${locale}: ${text}`)
    }
  }
})
