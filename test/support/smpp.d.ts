/** The part of npm `smpp` 0.5 that tests use; it ships no types. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:net'

  export interface Pdu {
    command: string
    command_status: number
    sequence_number: number
    system_id: string
    password: string
    system_type: string
    interface_version: number
    source_addr_ton: number
    source_addr_npi: number
    source_addr: string
    dest_addr_ton: number
    dest_addr_npi: number
    destination_addr: string
    esm_class: number
    data_coding: number
    registered_delivery: number
    validity_period: unknown
    short_message: { udh?: Buffer[]; message: string | Buffer } | string
    message_payload?: { message: string | Buffer }
    sar_msg_ref_num?: number
    sar_total_segments?: number
    sar_segment_seqnum?: number
    response(fields?: Record<string, unknown>): Pdu
  }

  export interface Session extends EventEmitter {
    send(pdu: Pdu): boolean
    deliver_sm(fields: Record<string, unknown>, answered?: (pdu: Pdu) => void): boolean
    enquire_link(fields: Record<string, unknown>, answered?: (pdu: Pdu) => void): boolean
    unbind(answered?: (pdu: Pdu) => void): boolean
    close(): void
    destroy(): void
    on(event: 'pdu' | 'submit_sm' | 'bind_transceiver', listener: (pdu: Pdu) => void): this
    on(event: 'error' | 'close', listener: (error?: Error) => void): this
  }

  export function createServer(options: object, listener: (session: Session) => void): Server
}
