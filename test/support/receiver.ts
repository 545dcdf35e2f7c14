import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  method: string
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
  body: string
}

/** Somebody's server on a port of loopback, which answers webhooks as it is told and keeps what came. */
export interface Receiver {
  /** Without a slash at the end. */
  url: string
  port: number
  received: Received[]
  /** What it answers from now on; null: nothing at all. */
  answer: { status: number; headers?: Record<string, string>; body?: string } | null
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      receiver.received.push({ method, url, headers, body })
      if (receiver.answer === null) return
      response.writeHead(receiver.answer.status, receiver.answer.headers)
      response.end(receiver.answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    port,
    received: [],
    answer: { status: 200 },
    async close() {
      server.closeAllConnections()
      await new Promise<unknown>((resolve) => server.close(resolve))
    },
  }
  return receiver
}
