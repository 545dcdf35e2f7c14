import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseMultipart } from './multipart.ts'

const TYPE = 'multipart/form-data; boundary=xYz'
const parse = (text: string, type = TYPE) => parseMultipart(Buffer.from(text, 'latin1'), type, 'Content')
const part = (head: string, body: string) => `--xYz\r\n${head}\r\n\r\n${body}\r\n`
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value)
const file = (head: string, body: string) =>
  part(`Content-Disposition: form-data; name="Content"; filename="a; name=x"${head}`, body)

describe('a multipart form', () => {
  test('is parameters and one file, byte for byte', () => {
    const bytes = '\0\r\n--xY\r\n\r\n\xff'
    const { form, file: found } = parse(
      `${field('Path', '/a')}${file('\r\nContent-Type: text/html; charset=UTF-8', bytes)}--xYz--\r\n`,
    )
    assert.deepEqual(form, { Path: '/a' })
    assert.equal(found?.contentType, 'text/html; charset=UTF-8')
    assert.deepEqual(Buffer.from(found?.bytes ?? ''), Buffer.from(bytes, 'latin1'))
  })

  test('is read as the platform itself writes it', async () => {
    const given = new FormData()
    given.set('Path', '/ä')
    given.set('Content', new File(['exports.handler = 1'], 'ä.js', { type: 'application/javascript' }))
    const request = new Request('http://localhost', { method: 'POST', body: given })
    const body = Buffer.from(await request.arrayBuffer())
    const { form, file: found } = parseMultipart(body, request.headers.get('content-type') ?? '', 'Content')
    assert.deepEqual(form, { Path: '/ä' })
    assert.equal(found?.contentType, 'application/javascript')
    assert.equal(Buffer.from(found?.bytes ?? '').toString(), 'exports.handler = 1')
  })

  test('an empty file is one, a type that could not be sent on is none', () => {
    const { file: found } = parse(`${file('\r\nContent-Type: te\x01xt', '')}--xYz--`)
    assert.deepEqual([found?.bytes.length, found?.contentType], [0, undefined])
  })

  test('the name of a file says nothing, wherever it stands', () => {
    for (const disposition of [
      'form-data; filename="a; name=x"; name="Content"',
      'form-data; filename="a\\"; name=\\"x"; name=Content',
      'form-data;name = "Content" ;filename="name=x"',
    ]) {
      const { form, file: found } = parse(`${part(`Content-Disposition: ${disposition}`, 'b')}--xYz--`)
      assert.deepEqual([form, found?.bytes.toString()], [{}, 'b'], disposition)
    }
  })

  test('a file by another name is a parameter; without a file there is none', () => {
    const { form, file: found } = parse(`${field('Other', 'x')}--xYz--`)
    assert.deepEqual([form, found], [{ Other: 'x' }, undefined])
  })

  for (const [what, text, type] of [
    ['without a boundary', field('a', 'b'), 'multipart/form-data'],
    ['that does not begin', 'hello'],
    ['that does not end', field('a', 'b')],
    ['cut off in a head', '--xYz\r\nContent-Disposition: form-data'],
    ['cut off in a part', '--xYz\r\nContent-Disposition: form-data; name="a"\r\n\r\nb'],
    ['whose part has no name', `${part('X: y', 'b')}--xYz--`],
    ['with a head that is too long', `${part(`X: ${'y'.repeat(5_000)}`, 'b')}--xYz--`],
    ['of too many parts', `${field('a', 'b').repeat(21)}--xYz--`],
  ] as const) {
    test(`one ${what} is refused`, () => assert.throws(() => parse(text, type), { code: 20001 }))
  }
})
