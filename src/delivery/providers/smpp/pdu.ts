/** The PDUs of SMPP 3.4 (Issue 1.2) that an ESME needs, as octets and as fields. */

export const COMMAND = {
  genericNack: 0x80000000,
  bindReceiver: 0x01,
  bindTransmitter: 0x02,
  submitSm: 0x04,
  deliverSm: 0x05,
  unbind: 0x06,
  bindTransceiver: 0x09,
  outbind: 0x0b,
  enquireLink: 0x15,
  alertNotification: 0x102,
  dataSm: 0x103,
} as const

const RESPONSE = 0x80000000

export const isResponse = (command: number) => command >= RESPONSE
export const responseTo = (command: number) => command + RESPONSE

export const TAG = {
  receiptedMessageId: 0x001e,
  sarReference: 0x020c,
  sarTotal: 0x020e,
  sarSequence: 0x020f,
  networkErrorCode: 0x0423,
  messagePayload: 0x0424,
  messageState: 0x0427,
} as const

export const MAX_SEQUENCE = 0x7fffffff
const HEADER = 16
const MAX_LENGTH = 65_536

export interface Pdu {
  command: number
  status: number
  sequence: number
  body: Buffer
}

export interface Address {
  ton: number
  npi: number
  addr: string
}

/** What submit_sm, deliver_sm and data_sm say; data_sm has no times and no short message. */
export interface Message {
  source: Address
  dest: Address
  esmClass: number
  dataCoding: number
  registeredDelivery: number
  /** Absolute or relative SMPP time, or empty. */
  validityPeriod: string
  shortMessage: Buffer
  /** Optional parameters by tag; of a repeated one the last counts. */
  tlvs: Map<number, Buffer>
}

export function encodePdu({ command, status, sequence, body }: Pdu): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + body.length)
  frame.writeUInt32BE(frame.length, 0)
  frame.writeUInt32BE(command, 4)
  frame.writeUInt32BE(status, 8)
  frame.writeUInt32BE(sequence, 12)
  body.copy(frame, HEADER)
  return frame
}

/**
 * Cuts a stream into PDUs, wherever the stream itself was cut. `take` returns false once a length outside
 * 16 … 65,536 was read: nothing after it can be trusted, and the connection has to go.
 */
export function createFramer(found: (pdu: Pdu) => void): { take(chunk: Buffer): boolean } {
  // Chunks are joined only when a PDU is complete: a peer that sends octet by octet costs no more for it.
  let chunks: Buffer[] = []
  let held = 0
  let wanted = 4

  return {
    take(chunk) {
      chunks.push(chunk)
      held += chunk.length
      if (held < wanted) return true

      let data = chunks.length === 1 ? chunk : Buffer.concat(chunks)
      wanted = 4
      while (data.length >= 4) {
        const length = data.readUInt32BE(0)
        if (length < HEADER || length > MAX_LENGTH) return false
        if (data.length < length) {
          wanted = length
          break
        }
        found({
          command: data.readUInt32BE(4),
          status: data.readUInt32BE(8),
          sequence: data.readUInt32BE(12),
          body: data.subarray(HEADER, length),
        })
        data = data.subarray(length)
      }
      chunks = data.length > 0 ? [data] : []
      held = data.length
      return true
    },
  }
}

const cString = (text: string) => Buffer.from(`${text}\0`, 'latin1')

export function encodeBind(fields: { systemId: string; password: string; systemType: string }): Buffer {
  return Buffer.concat([
    cString(fields.systemId),
    cString(fields.password),
    cString(fields.systemType),
    Buffer.of(0x34, 0, 0), // interface version 3.4; TON and NPI of the address range
    cString(''),
  ])
}

/** The body of a submit_sm or deliver_sm. The short message is at most 254 octets. */
export function encodeMessage(message: Message): Buffer {
  const { source, dest } = message
  return Buffer.concat([
    cString(''), // service_type
    Buffer.of(source.ton, source.npi),
    cString(source.addr),
    Buffer.of(dest.ton, dest.npi),
    cString(dest.addr),
    Buffer.of(message.esmClass, 0, 0), // protocol_id, priority_flag
    cString(''), // schedule_delivery_time
    cString(message.validityPeriod),
    // replace_if_present_flag, data_coding, sm_default_msg_id
    Buffer.of(message.registeredDelivery, 0, message.dataCoding, 0, message.shortMessage.length),
    message.shortMessage,
    ...[...message.tlvs].flatMap(([tag, value]) => {
      const head = Buffer.allocUnsafe(4)
      head.writeUInt16BE(tag, 0)
      head.writeUInt16BE(value.length, 2)
      return [head, value]
    }),
  ])
}

/** Thrown and caught inside this file: the body ends too early, or a string has no end. */
class Malformed extends Error {}

/** No C string of SMPP 3.4 is longer than 65 octets; some carriers' message ids are. */
const MAX_STRING = 255

class Reader {
  #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get left(): number {
    return this.#body.length - this.#at
  }

  octets(length: number): Buffer {
    if (length > this.left) throw new Malformed()
    this.#at += length
    return this.#body.subarray(this.#at - length, this.#at)
  }

  uint8(): number {
    return this.octets(1).readUInt8()
  }

  uint16(): number {
    return this.octets(2).readUInt16BE()
  }

  cString(): string {
    const end = this.#body.indexOf(0, this.#at)
    if (end < 0 || end - this.#at > MAX_STRING) throw new Malformed()
    const text = this.#body.toString('latin1', this.#at, end)
    this.#at = end + 1
    return text
  }

  address(): Address {
    return { ton: this.uint8(), npi: this.uint8(), addr: this.cString() }
  }

  tlvs(): Map<number, Buffer> {
    const found = new Map<number, Buffer>()
    while (this.left > 0) {
      const tag = this.uint16()
      found.set(tag, this.octets(this.uint16()))
    }
    return found
  }
}

function read<T>(body: Buffer, fields: (reader: Reader) => T): T | undefined {
  try {
    return fields(new Reader(body))
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

/** The body of a submit_sm, deliver_sm or data_sm; undefined if it is malformed. */
export function decodeMessage(command: number, body: Buffer): Message | undefined {
  const short = command !== COMMAND.dataSm
  return read(body, (reader) => {
    reader.cString() // service_type
    const source = reader.address()
    const dest = reader.address()
    const esmClass = reader.uint8()
    if (short) reader.octets(2) // protocol_id, priority_flag
    if (short) reader.cString() // schedule_delivery_time
    const validityPeriod = short ? reader.cString() : ''
    const registeredDelivery = reader.uint8()
    if (short) reader.uint8() // replace_if_present_flag
    const dataCoding = reader.uint8()
    if (short) reader.uint8() // sm_default_msg_id
    const shortMessage = short ? reader.octets(reader.uint8()) : Buffer.alloc(0)
    const tlvs = reader.tlvs()
    return { source, dest, esmClass, validityPeriod, registeredDelivery, dataCoding, shortMessage, tlvs }
  })
}

/** The message id in the body of a submit_sm_resp; undefined if it is malformed. */
export function decodeMessageId(body: Buffer): string | undefined {
  return read(body, (reader) => reader.cString())
}
