import { fail } from './errors.ts'
import type { Form } from './form.ts'

/** A file of a form. */
export interface Upload {
  bytes: Uint8Array
  /** As whoever sent it says; undefined where nobody does, which the platform's own `formData()` does not tell. */
  contentType: string | undefined
}

/** Far more than an upload has. */
const MAX_PARTS = 20
const MAX_HEAD_BYTES = 4_096
const END_OF_HEAD = Buffer.from('\r\n\r\n')

/**
 * Decodes a multipart form: the part of the given name is the file, whose bytes are not copied; the rest are
 * parameters. Throws 20001.
 */
export function parseMultipart(
  body: Buffer,
  type: string,
  fileName: string,
): { form: Form; file: Upload | undefined } {
  const [, quoted, bare] = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type) ?? []
  const boundary = quoted ?? bare
  if (boundary === undefined) throw malformed()
  const mark = Buffer.from(`\r\n--${boundary}`, 'latin1')
  // The first one has no line before it.
  const first = mark.subarray(2)
  if (!body.subarray(0, first.length).equals(first)) throw malformed()
  const form: Form = {}
  let file: Upload | undefined
  let at = first.length
  for (let parts = 0; textAt(body, at, at + 2) !== '--'; parts++) {
    const head = body.indexOf(END_OF_HEAD, at)
    if (head < 0 || head - at > MAX_HEAD_BYTES || parts === MAX_PARTS) throw malformed()
    const start = head + END_OF_HEAD.length
    const end = body.indexOf(mark, start)
    if (end < 0) throw malformed()
    const headers = readHead(textAt(body, at, head))
    const name = nameOf(headers.get('content-disposition') ?? '')
    if (name === undefined) throw malformed()
    if (name !== fileName) form[name] = textAt(body, start, end)
    else file = { bytes: body.subarray(start, end), contentType: printable(headers.get('content-type')) }
    at = end + mark.length
  }
  return { form, file }
}

const readHead = (text: string) =>
  new Map(
    text.split('\r\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )

/** Texts in quotes are read whole: a file's name may say anything. */
function nameOf(disposition: string): string | undefined {
  const parameters = disposition.matchAll(/;\s*([^\s;=]+)\s*=\s*(?:"((?:\\"|[^"])*)"|([^\s;]*))/g)
  const [, , quoted, bare] = parameters.find(([, key]) => key?.toLowerCase() === 'name') ?? []
  return quoted ?? bare
}

/** What could not be sent on as a header is as good as nothing. */
const printable = (text = '') => (/^[\x20-\x7e]+$/.test(text) ? text : undefined)

const textAt = (body: Buffer, start: number, end: number) => body.toString('utf8', start, end)

const malformed = () => fail.invalidRequest('The body is no multipart form')
