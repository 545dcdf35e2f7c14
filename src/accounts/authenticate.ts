import { hash } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'
import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'
import { isSid } from '../storage/sid.ts'
import { type Account, matchesAuthToken } from './accounts/account.ts'
import type { RefusedLogin } from './audit/logins.ts'
import type { Principal } from './authorize.ts'
import { admits } from './ip-lists/ip-list.ts'
import { type ApiKey, matchesSecret } from './keys/key.ts'

const BASIC = /^Basic +([A-Za-z0-9+/=]+) *$/i
const CREDENTIALS = /^([^:]*):(.*)$/s

// An unknown sid costs the same hashing as a wrong secret, so that nothing tells whether an account or key exists.
const NOBODY = { authTokenHash: new Uint8Array(32), secondary: null }

/** A credential whose secret was in a header. Changed, it is another object: what was proved ends with it. */
interface Proof {
  user: string
  credential: Account | ApiKey
}

/** By the header's SHA-256, as the header is the secret. Spares most requests the decoding and the comparison. */
const proofs = new BoundedMap<string, Proof>(20_000)

/**
 * HTTP Basic with Account SID and Auth Token (the primary or the secondary), or with an API key and its secret. Reads
 * the revisions of the credential, its account and the service that the path names, so that what this node keeps of
 * them is never stale. Throws 20003; 20429 after too many of these; 20005 where the account or its parent is not active;
 * 20006 where the account may not be used from this address.
 */
export async function authenticate(
  ctx: Context,
  authorization: string | undefined,
  sourceIp: string,
  serviceSid: string | undefined,
): Promise<Principal> {
  const digest = hash('sha256', authorization ?? '', 'latin1')
  const proof = proofs.get(digest)
  const user = proof?.user ?? decode(authorization)?.user
  if (user === undefined) {
    ctx.logins.refused({ reason: 'credentials', sourceIp })
    throw fail.authenticate()
  }
  const principal = await ctx.known.principal(user, serviceSid)
  const refused = (reason: RefusedLogin['reason']) =>
    ctx.logins.refused({
      reason,
      sourceIp,
      accountSid: principal?.account.sid,
      actorSid: principal?.key?.sid ?? principal?.account.sid,
    })
  // What is no sid is nobody's name, and PostgreSQL would refuse a NUL.
  if (isSid(user)) await ctx.loginLimits.recall(sourceIp, user)
  // From here to the count nothing is awaited, so that of guesses that come at once each is counted before the next.
  const waitSeconds = ctx.loginLimits.waitSeconds(sourceIp, user)
  if (waitSeconds > 0) {
    refused('too-many-failures')
    await ctx.known.evenOut(user, principal)
    throw fail.tooManyRequests().after(waitSeconds)
  }
  const credential = principal?.key ?? principal?.account
  const isProven = proof !== undefined && proof.credential === credential
  const right = isProven || matches(principal, decode(authorization)?.secret ?? '')
  if (!right || !principal || !credential) {
    ctx.loginLimits.failed(sourceIp, user)
    refused('credentials')
    await ctx.known.evenOut(user, principal)
    throw fail.authenticate()
  }
  if (!isProven) proofs.set(digest, { user, credential })
  ctx.loginLimits.succeeded(sourceIp, user)
  const { account, parent = account } = principal
  if (account.status !== 'active' || parent.status !== 'active') {
    refused('account-not-active')
    throw fail.accountNotActive()
  }
  if (!admits(account, sourceIp)) {
    refused('address')
    throw fail.accessDenied()
  }
  ctx.logins.accepted(principal, sourceIp)
  return principal
}

/** Undefined for what is not HTTP Basic. */
function decode(authorization = ''): { user: string; secret: string } | undefined {
  const encoded = BASIC.exec(authorization)?.[1]
  const [, user, secret] =
    (encoded && CREDENTIALS.exec(Buffer.from(encoded, 'base64').toString('utf8'))) || []
  return user === undefined || secret === undefined ? undefined : { user, secret }
}

const matches = (principal: Principal | undefined, secret: string) =>
  principal?.key
    ? matchesSecret(principal.key, secret)
    : matchesAuthToken(principal?.account ?? NOBODY, secret)
