import type { Context } from '../context.ts'

/** To be called after the commit of what changes the invocations of an environment. */
export function forgetEnvironment({ functions }: Context, sid: string): void {
  functions.deployed.forget(sid)
  functions.pools.retire(sid)
}
