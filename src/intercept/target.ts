import type { Duplex } from 'node:stream'

export interface Target {
  host: string
  port: number
}

/** The target of a CONNECT line, `host:port` or `[address]:port`, in lower case and without a final dot. */
export function parseTarget(line: string): Target | undefined {
  const [, host, port] = /^([\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(line) ?? []
  if (host === undefined || Number(port) < 1 || Number(port) > 65535) return undefined
  return { host: bareHost(host.toLowerCase()), port: Number(port) }
}

/** A host of a URL without the brackets of an address, or a final dot. */
export const bareHost = (host: string) => host.replace(/^\[|\]$|\.$/g, '')

/** The name to look up for a host: all below `localhost` are this machine (RFC 6761), which few systems know. */
export const lookupName = (host: string) => (host.endsWith('.localhost') ? 'localhost' : host)

/** Answers a CONNECT that leads somewhere; `head` are the bytes that came with it. */
export function acceptTarget(client: Duplex, head: Buffer): void {
  client.write('HTTP/1.1 200 Connection established\r\n\r\n')
  if (head.length > 0) client.unshift(head)
}

/** Answers a CONNECT that leads nowhere. */
export function refuseTarget(client: Duplex, status: string, reason: string): void {
  client.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${reason}\n`)
}
