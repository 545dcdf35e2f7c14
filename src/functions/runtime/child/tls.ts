import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { registerHooks, syncBuiltinESMExports } from 'node:module'
import { connect } from 'node:net'
import { type Listener, readArguments, type Target } from './arguments.ts'

/** What TLS is loaded by: it takes half as long as Node itself to start, so nobody pays who does not use it. */
const MODULES = /^(node:)?(tls|https|http2)$/
/** Said by what is behind `fetch` and `WebSocket`, which load it unseen. */
const BEFORE_FETCH = 'undici:client:beforeConnect'

/**
 * Has TLS run over sockets that are connected as all others are: by itself it makes some that cannot lead to a unix
 * socket. To be called once.
 */
export function guardTls(): void {
  const { getBuiltinModule } = process
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (MODULES.test(specifier)) guard()
      return next(specifier, context)
    },
  })
  process.getBuiltinModule = ((id: string) => {
    if (MODULES.test(id)) guard()
    return getBuiltinModule(id)
  }) as typeof getBuiltinModule
  subscribe(BEFORE_FETCH, guard)

  function guard(): void {
    hooks.deregister()
    process.getBuiltinModule = getBuiltinModule
    unsubscribe(BEFORE_FETCH, guard)
    rewriteConnect(process.getBuiltinModule('node:tls'))
    syncBuiltinESMExports()
  }
}

function rewriteConnect(tls: typeof import('node:tls')): void {
  const connectTls = tls.connect as (options: Target, listener: Listener) => ReturnType<typeof tls.connect>
  tls.connect = function connectOverSocket(...args: unknown[]) {
    const [target, listener] = readArguments(args)
    const { socket, path, port, host } = target
    if (socket || path || port === undefined) return connectTls(target, listener)
    return connectTls({ ...target, socket: connect({ port, ...(host && { host }) }) }, listener)
  } as typeof tls.connect
}
