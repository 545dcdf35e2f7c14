import assert from 'node:assert/strict'
import test from 'node:test'
import { whatsappText } from './whatsapp.ts'

test('a name of any length stays whole', () => {
  const friendlyName = 'Страховая компания Акме Интернешнл'
  const text = whatsappText({ locale: 'ru', friendlyName, code: '482913', doNotShare: true })
  assert.equal(text, `Код ${friendlyName}: 482913. Никому его не сообщайте.`)
})
