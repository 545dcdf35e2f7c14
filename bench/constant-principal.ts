import { authenticate as check } from '../src/accounts/authenticate.ts'
import type { Principal } from '../src/accounts/authorize.ts'
import { UNCHECKED } from './keys.ts'

let constant: Promise<Principal> | undefined

/** As the server's, unless the header's scheme says not to: then it is whoever came first. */
export function authenticate(...request: Parameters<typeof check>): Promise<Principal> {
  const [, authorization] = request
  if (constant && authorization?.startsWith(UNCHECKED)) return constant
  const principal = check(...request)
  constant ??= principal
  return principal
}
