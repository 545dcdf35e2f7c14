import assert from 'node:assert/strict'
import test from 'node:test'
import { isGsm, segmentCount } from '../gsm.ts'
import { smsText } from './sms.ts'
import { type Locale, TEXTS } from './texts.ts'

const locales = Object.keys(TEXTS) as Locale[]
const codes = ['4829', '482913', '4829130567', 'A1b2C3', 'ABCDEFGHIJ']
const names = Array.from({ length: 30 }, (_, i) => 'Acme Insurance Group of Europe'.slice(0, i + 1))
const appHash = 'FA+9qCX9VSu'
const english = { locale: 'en', friendlyName: 'Acme', code: '482913', doNotShare: false } as const

test('English reads as on the original', () => {
  assert.equal(smsText(english), 'Your Acme verification code is: 482913')
  assert.equal(
    smsText({ ...english, doNotShare: true }),
    "Your Acme verification code is: 482913. Don't share this code with anyone; our employees will never ask for the code",
  )
  assert.equal(smsText({ ...english, appHash }), '<#> Your Acme verification code is: 482913\nFA+9qCX9VSu')
})

test('a name of up to 30 characters fits whole, in every language, with every length of code', () => {
  for (const locale of locales) {
    for (const code of codes) {
      for (const friendlyName of names) {
        const text = smsText({ locale, friendlyName, code, doNotShare: false })
        assert.equal(segmentCount(text), 1, text)
        assert.ok(text.includes(friendlyName) && text.includes(code), text)
      }
    }
  }
})

test('with a warning, a hash or both it is still one segment, in which the name begins as it should', () => {
  for (const locale of locales) {
    for (const code of codes) {
      for (const friendlyName of names) {
        for (const [doNotShare, hash] of [
          [true, undefined],
          [false, appHash],
          [true, appHash],
        ] as const) {
          const text = smsText({ locale, friendlyName, code, doNotShare, appHash: hash })
          assert.equal(segmentCount(text), 1, text)
          assert.ok(text.includes(friendlyName.slice(0, 4)) && text.includes(code), text)
          if (hash) assert.ok(text.startsWith('<#> ') && text.endsWith(`\n${hash}`), text)
          // Android's SMS Retriever ignores a message of more than 140 octets, which is one segment.
        }
      }
    }
  }
})

/** How long a name may be, with a code of six digits, before it is shortened. */
function roomForName(locale: Locale, doNotShare: boolean): number {
  const fits = (length: number) => {
    const friendlyName = 'a'.repeat(length)
    return smsText({ locale, friendlyName, code: '482913', doNotShare }).includes(friendlyName)
  }
  let length = 1
  while (
    fits(length + 1) &&
    segmentCount(smsText({ ...english, locale, friendlyName: 'a'.repeat(length + 1), doNotShare })) === 1
  )
    length++
  return length
}

test('a warning leaves 27 characters for the name, and 45 in the languages of the GSM alphabet', () => {
  for (const locale of locales) {
    const room = roomForName(locale, true)
    assert.ok(room >= (isGsm(TEXTS[locale].doNotShare.replace(/[{}]/g, '')) ? 45 : 27), `${locale}: ${room}`)
  }
})

test('a GSM name leaves a GSM text in the GSM alphabet', () => {
  for (const locale of locales) {
    const { sms, doNotShare } = TEXTS[locale]
    for (const warn of [false, true]) {
      const text = smsText({
        locale,
        friendlyName: 'Café Ñandú-1_a'.replace('ú', 'ù'),
        code: '482913',
        doNotShare: warn,
      })
      assert.equal(isGsm(text), isGsm((warn ? doNotShare : sms).replace(/[{}]/g, '')), text)
    }
  }
})

test('a long name is cut after a word, or inside one that is alone', () => {
  const input = { locale: 'ru', code: '4829130567', doNotShare: true, appHash } as const
  const name = (friendlyName: string) => /Код (.*): 4829130567/.exec(smsText({ ...input, friendlyName }))?.[1]
  assert.equal(name('Acme Insurance Group'), 'Acme')
  assert.equal(name('Acmeinsurancegroup'), 'Acmeinsuranc')
  assert.equal(name('A Acmeinsurancegroup'), 'A Acmeinsura')
  assert.equal(name('e\u0301'.repeat(12)), 'e\u0301'.repeat(6))
})

test('if no shorter name helps, the whole name takes two segments', () => {
  const text = smsText({ ...english, friendlyName: 'Росгосстрах', doNotShare: true })
  assert.ok(text.includes('Росгосстрах'))
  assert.equal(segmentCount(text), 2)
})

test('a payment text binds amount and payee to the code, and cuts neither', () => {
  const payment = { amount: '€39.99', payee: 'Owl Bank' }
  assert.equal(smsText({ ...english, ...payment }), 'Your Acme code to pay €39.99 to Owl Bank is: 482913')
  const payee = 'A payee with a very long name indeed, of some street in some city'
  for (const locale of locales) {
    const text = smsText({ ...english, locale, amount: '1234.56 EUR', payee })
    for (const part of ['1234.56 EUR', payee, '482913']) assert.ok(text.includes(part), text)
  }
})

test('a value that looks like a placeholder stays as it is', () => {
  assert.equal(
    smsText({ ...english, friendlyName: '{code}{name}$&' }),
    'Your {code}{name}$& verification code is: 482913',
  )
})

for (const locale of ['ar', 'he', 'ur'] as const) {
  test(`${locale}: the text runs from right to left and the code is in one piece`, () => {
    const rightToLeft = /\p{Script=Hebrew}|\p{Script=Arabic}/u
    for (const payment of [{}, { amount: '$5.00', payee: 'Owl' }]) {
      for (const doNotShare of [true, false]) {
        for (const code of codes) {
          const text = smsText({ locale, friendlyName: 'Bank 24', code, doNotShare, ...payment })
          assert.match(text[0] as string, rightToLeft)
          // A right-to-left word, colon, code: after a Latin word, its digits would belong to that word's run.
          const [before, after] = text.split(code) as [string, string]
          assert.match(before, /[\p{Script=Hebrew}\p{Script=Arabic}]: $/u)
          assert.match(after, /^$|^[.۔] [\p{Script=Hebrew}\p{Script=Arabic}]/u)
        }
      }
    }
  })

  test(`${locale}: what holds signs is isolated, what people copy is not`, () => {
    const payment = { amount: '39-99', payee: 'Owl (UK)' }
    const text = smsText({ locale, friendlyName: 'Acme', code: '482913', ...payment })
    assert.ok(text.includes('\u206839-99\u2069') && text.includes('\u2068Owl (UK)\u2069'))
    assert.ok(text.endsWith(' 482913'))
    const signs = smsText({ locale, friendlyName: 'Acme', code: '12-34', doNotShare: false })
    assert.ok(signs.endsWith('\u206812-34\u2069'))
  })
}
