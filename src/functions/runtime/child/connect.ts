import { Socket as DatagramSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArguments } from './arguments.ts'
import { log } from './channel.ts'
import { guardTls } from './tls.ts'

const MAX_HEAD_BYTES = 16_384
const HEAD_END = '\r\n\r\n'

/**
 * Sends every connection of this process through the proxy of the server, which alone has a network. Only the
 * arguments of a connect are rewritten, to a unix socket of our own for each target; so HTTP, fetch and the drivers of
 * databases work as ever.
 */
export function connectThrough(egress: string): void {
  const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket
  const gates = new Map<string, string>()
  let made = 0

  function connectByGate(this: Socket, ...args: unknown[]): Socket {
    const [{ port, host, ...options }, listener] = readArguments(args)
    if (port === undefined) return connect.apply(this, args)
    return connect.call(this, { ...options, path: gateTo(host || 'localhost', port) }, listener)
  }

  function gateTo(host: string, port: number): string {
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const known = gates.get(target)
    // Functions empty the folder of temporary files.
    if (known !== undefined && existsSync(known)) return known
    const path = join(tmpdir(), `.gate-${made++}`)
    gates.set(target, path)
    createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => passOn(near, target))
      // Or they fill it.
      .on('error', ({ message }) => log('warn', `No connection to ${target}: ${message}`))
      .listen(path)
      .unref()
    return path
  }

  function passOn(near: Socket, target: string): void {
    const far = new Socket({ allowHalfOpen: true })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    connect.call(far, { path: egress })
    far.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}${HEAD_END}`)
    let head = Buffer.alloc(0)
    far.on('data', function read(chunk: Buffer) {
      head = Buffer.concat([head, chunk])
      const at = head.indexOf(HEAD_END)
      if (at < 0 && head.length < MAX_HEAD_BYTES) return
      far.off('data', read)
      far.pause()
      const status = head.toString('latin1', 0, head.indexOf('\r\n'))
      if (/^HTTP\/1\.[01] 200\b/.test(status)) {
        far.unshift(head.subarray(at + HEAD_END.length))
        near.pipe(far)
        far.pipe(near)
      } else {
        // Why, it says in the same breath.
        const reason = head.toString('utf8', at + HEAD_END.length).trim()
        log('warn', `No connection to ${target}: ${reason || status}`)
        near.destroy()
      }
    })
  }

  Socket.prototype.connect = connectByGate as typeof Socket.prototype.connect
  guardTls()
  DatagramSocket.prototype.send = DatagramSocket.prototype.connect = refuseDatagram
}

function refuseDatagram(this: DatagramSocket, ...args: unknown[]): void {
  const error = Object.assign(new Error('A Function can send no datagrams'), { code: 'EACCES' })
  const callback = args.at(-1)
  if (typeof callback === 'function') process.nextTick(callback, error)
  else process.nextTick(() => this.emit('error', error))
}
