import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../../../clock.ts'
import type { SmppOptions } from './options.ts'
import {
  COMMAND,
  createFramer,
  encodeBind,
  encodePdu,
  isResponse,
  MAX_SEQUENCE,
  type Pdu,
  responseTo,
} from './pdu.ts'
import { STATUS } from './status.ts'

export type Role = 'transceiver' | 'transmitter' | 'receiver'
const BIND = {
  transceiver: COMMAND.bindTransceiver,
  transmitter: COMMAND.bindTransmitter,
  receiver: COMMAND.bindReceiver,
}

/** What the connections of an account bind as. */
export const rolesOf = ({ bind }: Pick<SmppOptions, 'bind'>): Role[] =>
  bind === 'split' ? ['transmitter', 'receiver'] : ['transceiver']

export type Answer = Pdu | 'timeout' | 'connection_lost'

export interface SessionEvents {
  /** A deliver_sm or data_sm came; resolves to the command_status it is answered with. Never rejects. */
  message(pdu: Pdu): Promise<number>
  /** There may be room in the window again. */
  room(): void
  /** Takes no more requests: closed, or about to. Once. */
  ended(reason: string): void
}

interface Pending {
  command: number
  resolve(answer: Answer): void
  cancelTimeout(): void
}

/** Receipts being stored. Beyond, the socket is not read, and TCP makes the SMSC wait. */
const MAX_HANDLING = 500

/** 1 … 0x7FFFFFFF and round again, past those still waiting for their answer. */
export function nextSequence(last: number, taken: { has(sequence: number): boolean }): number {
  let next = last
  do next = (next % MAX_SEQUENCE) + 1
  while (taken.has(next))
  return next
}

/** One connection to the SMSC, from the bind to the close. It does not come back; a link makes a new one. */
export class Session {
  #options: SmppOptions
  #clock: Clock
  #events: SessionEvents
  #socket: Socket
  #pending = new Map<number, Pending>()
  #sequence = 0
  #handling = 0
  #ended = false
  #closed: Promise<void>
  #cancelEnquiry = () => {}

  constructor(options: SmppOptions, clock: Clock, events: SessionEvents) {
    this.#options = options
    this.#clock = clock
    this.#events = events
    this.#socket = this.#connect()
    this.#closed = new Promise((resolve) => this.#socket.once('close', () => resolve()))
  }

  #connect(): Socket {
    const { host, port, tls, tls_ca, tls_server_name } = this.#options
    const servername = tls_server_name ?? (isIP(host) ? undefined : host)
    const socket = tls
      ? connectTls({ host, port, ...(servername && { servername }), ...(tls_ca && { ca: tls_ca }) })
      : connectTcp({ host, port })
    const framer = createFramer((pdu) => this.#take(pdu))
    let reason = 'connection closed'
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      if (!framer.take(chunk)) {
        reason = 'invalid PDU length'
        socket.destroy()
      } else if (this.#overloaded()) socket.pause()
    })
    socket.on('drain', () => {
      this.#resume()
      this.#events.room()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? 'connection failed'
    })
    socket.on('close', () => {
      this.#end(reason)
      for (const [sequence] of this.#pending) this.#settle(sequence, 'connection_lost')
    })
    return socket
  }

  /** Resolves to undefined once bound, else to the status the SMSC refused with, or to what went wrong. */
  async bind(role: Role): Promise<undefined | number | string> {
    const { system_id, password, system_type, tls, request_timeout_ms } = this.#options
    const connected = new Promise<boolean>((resolve) => {
      this.#socket.once(tls ? 'secureConnect' : 'connect', () => resolve(true))
      this.#socket.once('close', () => resolve(false))
    })
    const cancel = this.#clock.after(request_timeout_ms, () => this.destroy('connect timed out'))
    const isConnected = await connected
    cancel()
    if (!isConnected) return 'connection_lost'

    const body = encodeBind({ systemId: system_id, password, systemType: system_type })
    const answer = await this.request(BIND[role], body)
    if (typeof answer === 'string') return answer
    if (answer.status !== STATUS.ok) return answer.status
    if (this.#ended) return 'connection_lost' // an unbind came right behind the answer
    this.#scheduleEnquiry()
    return undefined
  }

  get inFlight(): number {
    return this.#pending.size
  }

  /** True while one more message may leave: bound, the window not full, and the peer reads what we write. */
  get hasRoom(): boolean {
    return !this.#ended && this.#pending.size < this.#options.window && !this.#socket.writableNeedDrain
  }

  /** Sends a request; resolves when it is answered, when its time is over, or when the connection is gone. */
  request(command: number, body: Buffer): Promise<Answer> {
    if (this.#socket.destroyed) return Promise.resolve('connection_lost')
    const sequence = nextSequence(this.#sequence, this.#pending)
    this.#sequence = sequence
    return new Promise((resolve) => {
      const cancelTimeout = this.#clock.after(this.#options.request_timeout_ms, () =>
        this.#settle(sequence, 'timeout'),
      )
      this.#pending.set(sequence, { command, resolve, cancelTimeout })
      this.#write(command, STATUS.ok, sequence, body)
    })
  }

  /** Says good-bye and closes. What is not answered by then ends as `connection_lost`. */
  async unbind(): Promise<void> {
    this.#end('unbound')
    await this.request(COMMAND.unbind, Buffer.alloc(0))
    this.#socket.destroy()
    await this.#closed
  }

  destroy(reason: string): void {
    this.#end(reason)
    this.#socket.destroy()
  }

  #write(command: number, status: number, sequence: number, body: Buffer): void {
    if (this.#socket.writable) this.#socket.write(encodePdu({ command, status, sequence, body }))
  }

  #take(pdu: Pdu): void {
    if (isResponse(pdu.command)) this.#takeResponse(pdu)
    else this.#takeRequest(pdu)
  }

  /** What answers no request of ours, or another command than asked, is dropped: it may be late. */
  #takeResponse(pdu: Pdu): void {
    const asked = this.#pending.get(pdu.sequence)
    if (!asked) return
    if (pdu.command === responseTo(asked.command)) this.#settle(pdu.sequence, pdu)
    // A refusal of the PDU as such, whatever its status says, is not an acceptance.
    else if (pdu.command === COMMAND.genericNack)
      this.#settle(pdu.sequence, { ...pdu, status: pdu.status || STATUS.invalidCommand })
  }

  #takeRequest(pdu: Pdu): void {
    switch (pdu.command) {
      case COMMAND.deliverSm:
      case COMMAND.dataSm:
        void this.#takeMessage(pdu)
        break
      case COMMAND.enquireLink:
        this.#respond(pdu, STATUS.ok)
        break
      case COMMAND.unbind:
        this.#respond(pdu, STATUS.ok)
        this.#drain()
        break
      // These two have no response.
      case COMMAND.outbind:
      case COMMAND.alertNotification:
        break
      default:
        this.#write(COMMAND.genericNack, STATUS.invalidCommand, pdu.sequence, Buffer.alloc(0))
    }
  }

  async #takeMessage(pdu: Pdu): Promise<void> {
    this.#handling++
    const status = await this.#events.message(pdu)
    this.#handling--
    this.#respond(pdu, status, Buffer.of(0)) // an empty message_id
    this.#resume()
  }

  #respond(pdu: Pdu, status: number, body: Buffer = Buffer.alloc(0)): void {
    this.#write(responseTo(pdu.command), status, pdu.sequence, body)
  }

  /** The SMSC unbinds: no more requests, but what is under way may still be answered. */
  #drain(): void {
    this.#end('SMSC unbound')
    this.#socket.end()
    const cancel = this.#clock.after(this.#options.request_timeout_ms, () => this.#socket.destroy())
    this.#socket.once('close', cancel)
  }

  #settle(sequence: number, answer: Answer): void {
    const asked = this.#pending.get(sequence)
    if (!asked) return
    this.#pending.delete(sequence)
    asked.cancelTimeout()
    asked.resolve(answer)
    this.#events.room()
  }

  #scheduleEnquiry(): void {
    this.#cancelEnquiry = this.#clock.after(this.#options.enquire_link_ms, async () => {
      const answer = await this.request(COMMAND.enquireLink, Buffer.alloc(0))
      if (this.#ended) return
      if (answer === 'timeout') this.destroy('enquire_link timed out')
      else this.#scheduleEnquiry()
    })
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelEnquiry()
    this.#events.ended(reason)
  }

  #overloaded(): boolean {
    return this.#handling >= MAX_HANDLING || this.#socket.writableNeedDrain
  }

  #resume(): void {
    if (this.#socket.isPaused() && !this.#overloaded()) this.#socket.resume()
  }
}
