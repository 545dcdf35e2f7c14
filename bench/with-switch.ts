// The server, but that authentication can be left out, request by request: bench/constant-principal.ts.
import { registerHooks } from 'node:module'

const AUTHENTICATE = new URL('../src/accounts/authenticate.ts', import.meta.url).href
const STAND_IN = new URL('constant-principal.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, nextResolve) {
    const found = nextResolve(specifier, context)
    const isReplaced = found.url === AUTHENTICATE && context.parentURL !== STAND_IN
    return isReplaced ? { ...found, url: STAND_IN } : found
  },
})
await import('../bin/server.ts')
