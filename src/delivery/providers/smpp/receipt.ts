import type { Receipt } from '../../provider.ts'
import type { SmppOptions } from './options.ts'
import { type Message, TAG } from './pdu.ts'

type State = Receipt['state']
type IdType = SmppOptions['message_id_type']

/** message_state, SMPP 3.4 §5.2.28. What is not final moves nothing forward, so it is only `sent`. */
const STATES = new Map<number, State>([
  [1, 'sent'],
  [2, 'delivered'],
  [3, 'undelivered'],
  [4, 'undelivered'],
  [5, 'undelivered'],
  [6, 'sent'],
  [7, 'sent'],
  [8, 'failed'],
])

/** `stat:` of the text, by the first letters: some write DELIVERED, others DELIVRD. */
const STAT_PREFIXES: [string, State][] = [
  ['ENROUTE', 'sent'],
  ['ACCEPT', 'sent'],
  ['UNKNOWN', 'sent'],
  ['DELIV', 'delivered'],
  ['EXPIRE', 'undelivered'],
  ['DELETE', 'undelivered'],
  ['UNDELIV', 'undelivered'],
  ['REJECT', 'failed'],
]

/** A receipt fits in one message; whatever is longer is not read to its end. */
const MAX_TEXT = 1000

/** What a deliver_sm or data_sm says about a message sent before; undefined if it is not a receipt. */
export function readReceipt(message: Message, idType: IdType): Omit<Receipt, 'providerId'> | undefined {
  const idTlv = message.tlvs.get(TAG.receiptedMessageId)
  const isReceipt = (message.esmClass & 0x3c) === 0x04 || idTlv !== undefined
  if (!isReceipt) return undefined

  const text = textOf(message)
  const id = idTlv?.toString('latin1', 0, 255).replace(/\0.*$/s, '') || /\bid:\s*(\S{1,255})/i.exec(text)?.[1]
  const state =
    STATES.get(message.tlvs.get(TAG.messageState)?.[0] ?? 0) ??
    stateOfStat(/\bstat:\s*([a-z]{1,20})/i.exec(text)?.[1] ?? '')
  if (!id || !state) return undefined

  const code = state === 'delivered' ? undefined : errorCode(message, text)
  return { messageId: receiptId(id, idType), state, ...(code && { code }) }
}

/** Answers' and receipts' ids in one form, so that they meet: decimal where one of them is hexadecimal. */
export function answerId(id: string, idType: IdType): string {
  return idType === 'same' ? id : decimal(id, idType === 'resp_hex_receipt_dec' ? 16 : 10)
}

function receiptId(id: string, idType: IdType): string {
  return idType === 'same' ? id : decimal(id, idType === 'resp_dec_receipt_hex' ? 16 : 10)
}

function decimal(id: string, base: 10 | 16): string {
  if (base === 16) return /^[0-9a-f]+$/i.test(id) ? BigInt(`0x${id}`).toString() : id
  return /^[0-9]+$/.test(id) ? BigInt(id).toString() : id
}

function textOf(message: Message): string {
  const payload = message.tlvs.get(TAG.messagePayload)
  const octets = message.shortMessage.length > 0 ? message.shortMessage : (payload ?? Buffer.alloc(0))
  // Ids and states are ASCII, and there all alphabets but UCS-2 agree with Latin-1.
  if (message.dataCoding !== 8) return octets.toString('latin1', 0, MAX_TEXT)
  const even = octets.subarray(0, Math.min(octets.length & ~1, MAX_TEXT))
  return Buffer.from(even).swap16().toString('utf16le')
}

function stateOfStat(stat: string): State | undefined {
  const upper = stat.toUpperCase()
  return STAT_PREFIXES.find(([prefix]) => upper.startsWith(prefix))?.[1]
}

/** network_error_code as `type:code`, else `err:` of the text. */
function errorCode(message: Message, text: string): string | undefined {
  const network = message.tlvs.get(TAG.networkErrorCode)
  if (network?.length === 3) return `${network.readUInt8(0)}:${network.readUInt16BE(1)}`
  const error = /\berr:\s*([!-~]{1,32})/i.exec(text)?.[1]
  return error && !/^0+$/.test(error) ? error : undefined
}
