import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { type Account, fetchAccount, hashToken, makeToken, sealAuthToken } from '../accounts/account.ts'
import { insertReplacedToken, updateAccount } from '../accounts/store.ts'
import { audit } from '../audit/audit.ts'

/** Makes a second auth token; both work until one is promoted or deleted. It is in the answer, this once. */
export async function createSecondaryToken(ctx: Context, caller: Caller) {
  const token = makeToken(ctx)
  const account = await changeTokens(ctx, caller, 'auth-token.secondary-created', (before) => ({
    ...before,
    secondary: {
      token: sealAuthToken(ctx, before.sid, token),
      hash: hashToken(token),
      createdAtMs: ctx.clock.now(),
    },
  }))
  return { account, token }
}

/** Throws 20404 where there is none. */
export const deleteSecondaryToken = (ctx: Context, caller: Caller) =>
  changeTokens(ctx, caller, 'auth-token.secondary-deleted', (before) => {
    if (!before.secondary) throw fail.notFound('/AuthTokens/Secondary')
    return { ...before, secondary: null }
  })

/** The secondary becomes the primary. From this answer on the old one is refused on all nodes, and signs nothing. */
export const promoteSecondaryToken = (ctx: Context, caller: Caller) =>
  changeTokens(ctx, caller, 'auth-token.promoted', (before) => {
    if (!before.secondary) throw fail.notFound('/AuthTokens/Promote')
    return {
      ...before,
      authToken: before.secondary.token,
      authTokenHash: before.secondary.hash,
      secondary: null,
    }
  })

async function changeTokens(
  ctx: Context,
  caller: Caller,
  type: string,
  change: (before: Account) => Account,
): Promise<Account> {
  for (;;) {
    const before = await fetchAccount(ctx, caller, caller.ownAccountSid)
    const changed = { ...change(before), revision: before.revision + 1, updatedAtMs: ctx.clock.now() }
    const done = await ctx.storage.system.write(async (tx) => {
      if ((await updateAccount(tx, changed)) === 0) return false
      if (changed.authTokenHash !== before.authTokenHash) await insertReplacedToken(tx, before)
      await audit(ctx, tx, caller, { type, resource: 'auth-token', sid: before.sid, data: {} })
      return true
    })
    ctx.known.forgetAccount(before.sid)
    if (done) return changed
  }
}
