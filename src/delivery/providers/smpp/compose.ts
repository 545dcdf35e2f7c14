import { type Alphabet, encodeGsm, isGsm, splitSms } from '../../gsm.ts'
import type { Outgoing, SendResult } from '../../provider.ts'
import type { SmppOptions } from './options.ts'
import { type Address, type Message, TAG } from './pdu.ts'

const DEFAULT_ALPHABET = 0
const UCS2 = 8
const UDH_INDICATOR = 0x40

/** A submit_sm that lacks only its validity period, which is known when it leaves. */
export type Draft = Omit<Message, 'validityPeriod'>

/** What carries one message: submit_sm's, in order, and how many messages the carrier charges. */
export interface Composed {
  drafts: Draft[]
  segments: number
}

/** The submit_sm's of a message, or why it cannot go this way. */
export function compose(
  message: Pick<Outgoing, 'to' | 'from' | 'body'>,
  options: Pick<SmppOptions, 'source' | 'dest' | 'default_alphabet' | 'long' | 'registered_delivery'>,
  reference: number,
): Composed | SendResult {
  if (!/^\+[1-9][0-9]{3,14}$/.test(message.to))
    return { outcome: 'rejected', kind: 'bad_number', code: 'not_e164' }

  const { alphabet, parts } = splitSms(message.body, alphabetFor(message.body, options.default_alphabet))
  const encode = (text: string) => encodeText(text, alphabet, options.default_alphabet)
  const draft = (text: string): Draft => ({
    source: sourceAddress(message.from ? { addr: message.from } : options.source),
    dest: { ...options.dest, addr: message.to.slice(1) },
    esmClass: 0,
    dataCoding: alphabet === 'gsm' ? DEFAULT_ALPHABET : UCS2,
    registeredDelivery: options.registered_delivery,
    shortMessage: encode(text),
    tlvs: new Map(),
  })

  const total = parts.length
  const composed = (drafts: Draft[]): Composed => ({ drafts, segments: total })
  if (total === 1) return composed([draft(message.body)])
  switch (options.long) {
    case 'refuse':
      return { outcome: 'rejected', kind: 'content', code: 'too_long' }
    case 'payload':
      return composed([{ ...draft(''), tlvs: new Map([[TAG.messagePayload, encode(message.body)]]) }])
    case 'sar':
      return composed(
        parts.map((part, i) => ({
          ...draft(part),
          tlvs: new Map([
            [TAG.sarReference, Buffer.of(reference >> 8, reference & 0xff)],
            [TAG.sarTotal, Buffer.of(total)],
            [TAG.sarSequence, Buffer.of(i + 1)],
          ]),
        })),
      )
    case 'udh':
      return composed(
        parts.map((part, i) => ({
          ...draft(part),
          esmClass: UDH_INDICATOR,
          // TS 23.040 §9.2.3.24.1: five octets follow; element 0, of three: reference, total, number.
          shortMessage: Buffer.concat([Buffer.of(5, 0, 3, reference & 0xff, total, i + 1), encode(part)]),
        })),
      )
  }
}

/** Without TON and NPI in the configuration, the form of the address says them. */
function sourceAddress({ addr, ton, npi }: SmppOptions['source']): Address {
  const digits = addr.replace(/^\+/, '')
  const [usualTon, usualNpi] = !/^[0-9]+$/.test(digits)
    ? [5, 0] // alphanumeric
    : addr.startsWith('+') || digits.length > 8
      ? [1, 1] // international, E.164
      : [3, 0] // a short code
  return { ton: ton ?? usualTon, npi: npi ?? usualNpi, addr: digits }
}

/** The carrier's default alphabet counts as GSM here: on the air it becomes just that. */
function alphabetFor(text: string, carrier: SmppOptions['default_alphabet']): Alphabet {
  if (!isGsm(text)) return 'ucs2'
  if (carrier === 'gsm') return 'gsm'
  const highest = carrier === 'latin1' ? 0xff : 0x7f
  return [...text].every((character) => character.charCodeAt(0) <= highest) ? 'gsm' : 'ucs2'
}

function encodeText(text: string, alphabet: Alphabet, carrier: SmppOptions['default_alphabet']): Buffer {
  if (alphabet === 'ucs2') return Buffer.from(text, 'utf16le').swap16()
  return carrier === 'gsm' ? encodeGsm(text) : Buffer.from(text, 'latin1')
}

/** The relative time of SMPP 3.4 §7.1.1.2, `YYMMDDhhmmss000R`. Relative, so that clocks need not agree. */
export function relativeTime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  const clock = `${two((seconds / 3600) % 24)}${two((seconds / 60) % 60)}${two(seconds % 60)}`
  return `0000${two(seconds / 86_400)}${clock}000R`
}
