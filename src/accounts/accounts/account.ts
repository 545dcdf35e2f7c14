import { hash, timingSafeEqual } from 'node:crypto'
import type { Context } from '../../context.ts'
import { lockInstallation } from '../../storage/installation.ts'
import { newSid } from '../../storage/sid.ts'
import type { Read, Tx } from '../../storage/storage.ts'
import { findAccount, insertAccount, readFirstAccount, updateAuthToken } from './store.ts'

export interface Account {
  sid: string
  friendlyName: string
  status: 'active' | 'suspended' | 'closed'
  /** Sealed; opened only to be shown to the operator and to sign callbacks. */
  authToken: Uint8Array
  /** SHA-256 of the auth token: for log-in. */
  authTokenHash: Uint8Array
  revision: number
  createdAtMs: number
  updatedAtMs: number
}

const hashToken = (token: string) => hash('sha256', token, 'buffer')

/** Constant in time, whatever is given. */
export const matchesAuthToken = (account: Account, token: string) =>
  timingSafeEqual(hashToken(token), account.authTokenHash)

const sealedAs = (sid: string) => `account/${sid}/auth_token`

export const openAuthToken = (ctx: Context, account: Account) =>
  ctx.vault.open(account.authToken, sealedAs(account.sid)).toString('utf8')

async function findFirst({ config }: Context, read: Read): Promise<Account | undefined> {
  return config.accountSid ? findAccount(read, config.accountSid) : readFirstAccount(read)
}

/** The account this installation began with. */
export async function readFirst(ctx: Context): Promise<Account> {
  const account = await findFirst(ctx, ctx.storage.system.read)
  if (!account) throw new Error('there is no account yet: start the server once')
  return account
}

/**
 * The account this installation begins with: made at the first start, or given the configured sid and token.
 * `furnish` gives it what it begins with, in the same commit. `created` tells whether its token has to be shown (this
 * once): of nodes that start at once, one creates it.
 */
export async function ensureFirstAccount(
  ctx: Context,
  furnish: (tx: Tx, account: Account) => Promise<unknown> = async () => {},
): Promise<{ account: Account; created: boolean }> {
  const { accountSid, authToken } = ctx.config
  const configured = accountSid && authToken ? { sid: accountSid, token: authToken.reveal() } : undefined
  const now = ctx.clock.now()
  return ctx.storage.system.write(async (tx) => {
    await lockInstallation(tx, ctx.storage)
    const existing = await findFirst(ctx, tx)
    if (existing) {
      const token = configured?.token
      if (token === undefined || matchesAuthToken(existing, token))
        return { account: existing, created: false }
      const changed = {
        ...existing,
        ...tokenFields(ctx, existing.sid, token),
        revision: existing.revision + 1,
      }
      await updateAuthToken(tx, changed)
      return { account: changed, created: false }
    }
    const sid = configured?.sid ?? newSid('AC', 0, now, ctx.random)
    const token = configured?.token ?? ctx.random.bytes(16).toString('hex')
    const account: Account = {
      sid,
      friendlyName: 'My account',
      status: 'active',
      ...tokenFields(ctx, sid, token),
      revision: 1,
      createdAtMs: now,
      updatedAtMs: now,
    }
    await insertAccount(tx, account)
    await furnish(tx, account)
    return { account, created: true }
  })
}

const tokenFields = (ctx: Context, sid: string, token: string) => ({
  authToken: ctx.vault.seal(Buffer.from(token), sealedAs(sid)),
  authTokenHash: hashToken(token),
})
