import assert from 'node:assert/strict'
import test from 'node:test'
import { emailMessage } from './email.ts'

const input = { friendlyName: 'Acme', code: '482913' }

test('the code is in both parts and not in the subject', () => {
  const { subject, text, html } = emailMessage(input)
  assert.equal(subject, 'Your Acme verification code')
  assert.match(text, /^Your Acme verification code is:\n\n482913\n\nDon't share /)
  assert.ok(html.includes('>482913</p>'))
})

test('what the caller gave is escaped in HTML and plain in text', () => {
  const { text, html } = emailMessage({ ...input, friendlyName: `<b>"A" & 'B'`, code: '<i>&' })
  assert.ok(text.includes(`Your <b>"A" & 'B' verification`))
  assert.ok(html.includes('Your &lt;b&gt;&quot;A&quot; &amp; &#39;B&#39; verification'))
  assert.ok(html.includes('>&lt;i&gt;&amp;</p>'))
  assert.doesNotMatch(html, /<[bi]>/)
})

test('a payment names amount and payee', () => {
  const { text, html } = emailMessage({ ...input, amount: '€39.99', payee: 'Owl & Co' })
  assert.ok(text.startsWith('Your Acme code to pay €39.99 to Owl & Co is:\n\n482913\n'))
  assert.ok(html.includes('€39.99 to Owl &amp; Co'))
})

test('the HTML says its language, leaves colours to the reader, and loads and links nothing', () => {
  const { html } = emailMessage(input)
  assert.ok(html.includes('<html lang="en">') && html.includes('content="light dark"'))
  assert.doesNotMatch(html, /https?:|src=|href=|url\(|color:|background/)
})
