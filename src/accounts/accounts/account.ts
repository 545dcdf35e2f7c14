import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context } from '../../context.ts'
import { newSid } from '../../storage/sid.ts'
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

const hashToken = (token: string) => createHash('sha256').update(token).digest()

/** Constant in time, whatever is given. */
export const matchesAuthToken = (account: Account, token: string) =>
  timingSafeEqual(hashToken(token), account.authTokenHash)

const sealedAs = (sid: string) => `account/${sid}/auth_token`

export const openAuthToken = (ctx: Context, account: Account) =>
  ctx.vault.open(account.authToken, sealedAs(account.sid)).toString('utf8')

async function findFirst(ctx: Context): Promise<Account | undefined> {
  const { config, storage } = ctx
  return config.accountSid
    ? findAccount(storage.system.read, config.accountSid)
    : readFirstAccount(storage.system.read)
}

/** The account this installation began with. */
export async function readFirst(ctx: Context): Promise<Account> {
  const account = await findFirst(ctx)
  if (!account) throw new Error('there is no account yet: start the server once')
  return account
}

/**
 * The account this installation begins with: made at the first start, or given the configured sid and token.
 * `created` tells whether its token has to be shown (this once).
 */
export async function ensureFirstAccount(ctx: Context): Promise<{ account: Account; created: boolean }> {
  const { accountSid, authToken } = ctx.config
  const configured = accountSid && authToken ? { sid: accountSid, token: authToken.reveal() } : undefined
  const { system } = ctx.storage
  const existing = await findFirst(ctx)
  if (existing) {
    const token = configured?.token
    if (token === undefined || matchesAuthToken(existing, token)) return { account: existing, created: false }
    const changed = { ...existing, ...tokenFields(ctx, existing.sid, token), revision: existing.revision + 1 }
    await system.write((tx) => updateAuthToken(tx, changed))
    return { account: changed, created: false }
  }
  const now = ctx.clock.now()
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
  await system.write((tx) => insertAccount(tx, account))
  return { account, created: true }
}

const tokenFields = (ctx: Context, sid: string, token: string) => ({
  authToken: ctx.vault.seal(Buffer.from(token), sealedAs(sid)),
  authTokenHash: hashToken(token),
})
