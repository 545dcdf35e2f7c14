/** Just enough DER (X.690) to issue certificates and to write a key store: node:crypto reads both, but writes neither. */

function encode(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length = unsigned(content.length)
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content])
}

function unsigned(value: number): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}

export const sequence = (...items: Uint8Array[]) => encode(0x30, ...items)
export const set = (...items: Uint8Array[]) => encode(0x31, ...items)
export const octetString = (...contents: Uint8Array[]) => encode(0x04, ...contents)
export const utf8String = (text: string) => encode(0x0c, Buffer.from(text))
export const boolean = (value: boolean) => encode(0x01, Buffer.from([value ? 0xff : 0]))

/** Zero or more; the bytes are big-endian. */
export function integer(value: number | Uint8Array): Buffer {
  const bytes = typeof value === 'number' ? unsigned(value) : value
  // A leading 1 bit would make it negative.
  return (bytes[0] ?? 0) < 0x80 ? encode(0x02, bytes) : encode(0x02, Buffer.from([0]), bytes)
}

/** `unused`: how many bits at the end of the last byte do not count. */
export const bitString = (bytes: Uint8Array, unused = 0) => encode(0x03, Buffer.from([unused]), bytes)

/** `[n]` around whole values. */
export const explicit = (n: number, ...items: Uint8Array[]) => encode(0xa0 | n, ...items)

/** `[n]` in the place of a primitive value's own tag. */
export const implicit = (n: number, content: Uint8Array) => encode(0x80 | n, content)

export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return encode(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(arc: number): number[] {
  const digits = [arc % 128]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
    digits.unshift(0x80 | (left % 128))
  return digits
}

/** Whole seconds. Certificates write years before 2050 with two digits (RFC 5280 §4.1.2.5). */
export function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, '')
  return digits < '2050' ? encode(0x17, Buffer.from(digits.slice(2))) : encode(0x18, Buffer.from(digits))
}
