import assert from 'node:assert/strict'
import test from 'node:test'
import { getCountries } from 'libphonenumber-js/max'
import { resolveLocale } from './locales.ts'

test('a tag counts in any case, with - or _', () => {
  for (const tag of ['pt-BR', 'pt_BR', 'PT-br', 'pt_br']) assert.equal(resolveLocale(tag, 'FR'), 'pt-BR')
  assert.equal(resolveLocale('EN', 'FR'), 'en')
  assert.equal(resolveLocale('zh_hk', undefined), 'zh-HK')
})

test('a language we do not write is no locale, whatever the country', () => {
  for (const tag of ['', 'xx', 'en-US', 'pt-', 'pt--BR', ' en', 'constructor', '__proto__', 'toString']) {
    assert.equal(resolveLocale(tag, 'FR'), undefined, tag)
  }
})

test('without a tag the country decides, then English', () => {
  const expected = {
    BR: 'pt-BR',
    PT: 'pt',
    CN: 'zh-CN',
    HK: 'zh-HK',
    TW: 'zh-HK',
    GB: 'en-GB',
    MX: 'es',
    CH: 'de',
    BE: 'nl',
    MA: 'ar',
    IL: 'he',
    US: 'en',
    IN: 'en',
    CA: 'en',
  }
  for (const [country, locale] of Object.entries(expected)) {
    assert.equal(resolveLocale(undefined, country), locale, country)
  }
  assert.equal(resolveLocale(undefined, undefined), 'en')
  assert.equal(resolveLocale(undefined, 'ZZ'), 'en')
})

test('every country with telephone numbers has a language, and one of our own for most', () => {
  const locales = getCountries().map((country) => resolveLocale(undefined, country))
  assert.ok(!locales.includes(undefined))
  assert.ok(locales.filter((locale) => locale !== 'en').length > 120)
})
