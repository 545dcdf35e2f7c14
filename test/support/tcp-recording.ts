/** A TCP proxy that keeps what passes, and writes it as a capture file: no privilege to capture is needed. */
import { connect, createServer } from 'node:net'
import { listen } from './smpp-lab.ts'

export interface Recording {
  port: number
  /** The bytes of the first connection as a pcap file, the server on `serverPort`. */
  pcap(serverPort: number): Buffer
  close(): void
}

const MAX_SEGMENT = 1400

export async function recordTcp(target: number): Promise<Recording> {
  const passed: { fromClient: boolean; chunk: Buffer }[] = []
  const sockets: { destroy(): unknown }[] = []
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const isFirst = sockets.length === 0
    sockets.push(client, upstream)
    for (const [from, to, fromClient] of [
      [client, upstream, true],
      [upstream, client, false],
    ] as const) {
      from.on('data', (chunk: Buffer) => {
        for (let at = 0; isFirst && at < chunk.length; at += MAX_SEGMENT)
          passed.push({ fromClient, chunk: chunk.subarray(at, at + MAX_SEGMENT) })
        to.write(chunk)
      })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
    }
  })
  const port = await listen(server)

  return {
    port,
    pcap(serverPort) {
      const next = { client: 1, server: 1 }
      const packets = passed.flatMap(({ fromClient, chunk }, i) => {
        const ends = fromClient ? ([50_000, serverPort] as const) : ([serverPort, 50_000] as const)
        const [sequence, acknowledged] = fromClient ? [next.client, next.server] : [next.server, next.client]
        next[fromClient ? 'client' : 'server'] += chunk.length
        const packet = Buffer.concat([...headers(ends, sequence, acknowledged, chunk.length), chunk])
        return [pcapRecord(i, packet.length), packet]
      })
      return Buffer.concat([PCAP_HEADER, ...packets])
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

// Magic, version 2.4, zone, accuracy, longest packet, link type 101: raw IP.
const PCAP_HEADER = uint32s(0xa1b2c3d4, 0x00020004, 0, 0, 65_535, 101)

function pcapRecord(number: number, length: number): Buffer {
  return uint32s(1_700_000_000, number, length, length)
}

/** IPv4 and TCP with checksums left at 0, which dissectors do not check unless told to. */
function headers(ports: readonly [number, number], sequence: number, acknowledged: number, payload: number) {
  const localhost = 0x7f000001
  const ip = uint32s(0x45000000 + 40 + payload, 0, 0x40060000, localhost, localhost)
  const PSH_ACK = 0x18
  const tcp = uint32s(
    ports[0] * 0x10000 + ports[1],
    sequence,
    acknowledged,
    0x50000000 + PSH_ACK * 0x10000 + 65_535,
    0,
  )
  return [ip, tcp]
}

function uint32s(...values: number[]): Buffer {
  const octets = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) octets.writeUInt32BE(value, i * 4)
  return octets
}
