import { decodeGsm } from '../../gsm.ts'
import type { Incoming } from '../../provider.ts'
import type { SmppOptions } from './options.ts'
import { type Address, type Message, TAG } from './pdu.ts'

const UDH_INDICATOR = 0x40
/** What is not a message itself, but says something of one: SMPP 3.4 §5.2.12. */
const MESSAGE_TYPE = 0x3c
const UCS2 = 8

type Part = Incoming['part']

/** What a person wrote; undefined for what is none, such as a receipt, and for what is not text. */
export function readIncoming(
  message: Message,
  alphabet: SmppOptions['default_alphabet'],
): Omit<Incoming, 'providerId'> | undefined {
  if ((message.esmClass & MESSAGE_TYPE) !== 0) return undefined
  const payload = message.tlvs.get(TAG.messagePayload)
  const octets = message.shortMessage.length > 0 ? message.shortMessage : (payload ?? Buffer.alloc(0))
  const headerLength = message.esmClass & UDH_INDICATOR ? (octets[0] ?? 0) + 1 : 0
  const body = decodeText(octets.subarray(headerLength), message.dataCoding, alphabet)
  if (body === undefined) return undefined
  const part = partOfHeader(octets.subarray(1, headerLength)) ?? partOfTlvs(message.tlvs)
  return { from: numberOf(message.source), to: numberOf(message.dest), body, ...(part && { part }) }
}

/** data_coding, SMPP 3.4 §5.2.19; above 0xF0 the low bits say the class and the alphabet (TS 23.038 §4). */
function decodeText(
  octets: Buffer,
  coding: number,
  alphabet: SmppOptions['default_alphabet'],
): string | undefined {
  if (coding === UCS2)
    return Buffer.from(octets.subarray(0, octets.length & ~1))
      .swap16()
      .toString('utf16le')
  const isDefault = coding === 0 || (coding & 0xf4) === 0xf0
  if (isDefault && alphabet === 'gsm') return decodeGsm(octets)
  return isDefault || coding === 1 || coding === 3 ? octets.toString('latin1') : undefined
}

/** TS 23.040 §9.2.3.24: element 0 has a reference of one octet, element 8 of two. */
function partOfHeader(header: Buffer): Part {
  for (let at = 0; at + 2 <= header.length; at += 2 + (header[at + 1] ?? 0)) {
    const [element, length] = [header[at], header[at + 1]]
    const value = header.subarray(at + 2, at + 2 + (length ?? 0))
    if (element === 0 && value.length === 3) return makePart(value[0], value[1], value[2])
    if (element === 8 && value.length === 4) return makePart(value.readUInt16BE(0), value[2], value[3])
  }
  return undefined
}

function partOfTlvs(tlvs: Message['tlvs']): Part {
  const reference = tlvs.get(TAG.sarReference)
  if (reference?.length !== 2) return undefined
  return makePart(reference.readUInt16BE(0), tlvs.get(TAG.sarTotal)?.[0], tlvs.get(TAG.sarSequence)?.[0])
}

/** One of one, and what cannot be, is no part. */
function makePart(reference = 0, total = 0, n = 0): Part {
  return total > 1 && n >= 1 && n <= total ? { reference, total, n } : undefined
}

/** E.164 where the address says that it is international, or is written so. */
function numberOf({ ton, addr }: Address): string {
  const isInternational = ton === 1 || addr.startsWith('+')
  return isInternational && /^\+?\d+$/.test(addr) ? `+${addr.replace('+', '')}` : addr
}
