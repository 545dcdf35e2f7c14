import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'
import { type Account, matchesAuthToken } from './accounts/account.ts'

const BASIC = /^Basic +([A-Za-z0-9+/=]+) *$/i
const CREDENTIALS = /^([^:]*):(.*)$/s

// An unknown sid costs the same hashing as a wrong token, so that nothing tells whether an account exists.
const NOBODY: Pick<Account, 'authTokenHash'> = { authTokenHash: new Uint8Array(32) }

/**
 * HTTP Basic with Account SID and Auth Token. Reads the revisions of the account and of the service that the path
 * names, so that what this node keeps of them is never stale. Throws 20003, or 20005 for an account not active.
 */
export async function authenticate(
  ctx: Context,
  authorization: string | undefined,
  serviceSid: string | undefined,
): Promise<Account> {
  const encoded = BASIC.exec(authorization ?? '')?.[1]
  const decoded = encoded && CREDENTIALS.exec(Buffer.from(encoded, 'base64').toString('utf8'))
  if (!decoded) throw fail.authenticate()
  const [, sid = '', token = ''] = decoded
  const account = await ctx.known.account(sid, serviceSid)
  if (!matchesAuthToken((account ?? NOBODY) as Account, token) || !account) throw fail.authenticate()
  if (account.status !== 'active') throw fail.accountNotActive()
  return account
}
