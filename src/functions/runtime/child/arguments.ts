import type { ConnectionOptions } from 'node:tls'

/** What Node takes for the target of a connection, in one object. */
export type Target = ConnectionOptions & { port?: number | undefined; host?: string | undefined }
export type Listener = (() => void) | undefined

/**
 * Of `connect(options)`, `connect(port, host, options)`, `connect(path)`, each with a listener or without, and of the
 * list that Node's own functions make of them.
 */
export function readArguments(args: readonly unknown[]): [target: Target, Listener] {
  const [first] = args
  if (Array.isArray(first)) return readArguments(first)
  const target: Target = {}
  let listener: Listener
  for (const arg of args) {
    if (typeof arg === 'function') listener = arg as Listener
    else if (typeof arg === 'object' && arg !== null) Object.assign(target, arg)
    else if (typeof arg === 'string' && arg !== first) target.host = arg
    else if (typeof arg === 'number' || /^\d+$/.test(`${arg}`)) target.port = Number(arg)
    else if (typeof arg === 'string') target.path = arg
  }
  if (target.port !== undefined) target.port = Number(target.port)
  return [target, listener]
}
