import { hash, timingSafeEqual } from 'node:crypto'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { lockInstallation } from '../../storage/installation.ts'
import { newSid } from '../../storage/sid.ts'
import type { Read, Tx } from '../../storage/storage.ts'
import { asServer, audit, differences } from '../audit/audit.ts'
import {
  endTrials,
  findAccount,
  insertAccount,
  listSubaccountSids,
  readFirstAccount,
  updateAccount,
} from './store.ts'

export interface Account {
  sid: string
  /** The account that made this one, and may act for it. */
  parentSid: string | null
  friendlyName: string
  status: 'active' | 'suspended' | 'closed'
  kind: 'Full' | 'Trial'
  /** Sealed; opened only to be shown to who owns it and to sign callbacks. */
  authToken: Uint8Array
  /** SHA-256 of the auth token: for log-in. */
  authTokenHash: Uint8Array
  /** Works beside the primary until it is promoted or deleted. */
  secondary: { token: Uint8Array; hash: Uint8Array; createdAtMs: number } | null
  /** The networks it may be used from; none: from everywhere. */
  networks: readonly string[]
  revision: number
  createdAtMs: number
  updatedAtMs: number
}

export const hashToken = (token: string) => hash('sha256', token, 'buffer')

const NO_HASH = new Uint8Array(32)

/** Constant in time, whatever is given: both tokens are always compared. */
export function matchesAuthToken(
  account: Pick<Account, 'authTokenHash' | 'secondary'>,
  token: string,
): boolean {
  const hash = hashToken(token)
  const primary = timingSafeEqual(hash, account.authTokenHash)
  const secondary = timingSafeEqual(hash, account.secondary?.hash ?? NO_HASH)
  return primary || (secondary && account.secondary !== null)
}

export const authTokenSealedAs = (sid: string) => `account/${sid}/auth_token`

export const sealAuthToken = (ctx: Context, sid: string, token: string) =>
  ctx.vault.seal(Buffer.from(token), authTokenSealedAs(sid))

export const openAuthToken = (ctx: Context, sid: string, sealed: Uint8Array) =>
  ctx.vault.open(sealed, authTokenSealedAs(sid)).toString('utf8')

export const makeToken = (ctx: Context) => ctx.random.bytes(16).toString('hex')

/** An account that is not stored yet; `token` is drawn where none is given. */
export function makeAccount(
  ctx: Context,
  given: Partial<Pick<Account, 'sid' | 'parentSid' | 'friendlyName' | 'status' | 'kind'>> & {
    token?: string | undefined
  },
): Account {
  const now = ctx.clock.now()
  const sid = given.sid ?? newSid('AC', 0, now, ctx.random)
  const token = given.token ?? makeToken(ctx)
  return {
    sid,
    parentSid: given.parentSid ?? null,
    friendlyName: given.friendlyName ?? `SubAccount Created at ${new Date(now).toISOString()}`,
    status: given.status ?? 'active',
    kind: given.kind ?? 'Full',
    authToken: sealAuthToken(ctx, sid, token),
    authTokenHash: hashToken(token),
    secondary: null,
    networks: [],
    revision: 1,
    createdAtMs: now,
    updatedAtMs: now,
  }
}

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
  const { accountSid: sid, authToken } = ctx.config
  const token = authToken?.reveal()
  return ctx.storage.system.write(async (tx) => {
    await lockInstallation(tx, ctx.storage)
    const existing = await findFirst(ctx, tx)
    if (existing) {
      if (token === undefined || timingSafeEqual(hashToken(token), existing.authTokenHash)) {
        return { account: existing, created: false }
      }
      const changed: Account = {
        ...existing,
        authToken: sealAuthToken(ctx, existing.sid, token),
        authTokenHash: hashToken(token),
        revision: existing.revision + 1,
        updatedAtMs: ctx.clock.now(),
      }
      await updateAccount(tx, changed)
      await audit(ctx, tx, asServer(existing.sid), {
        type: 'auth-token.configured',
        resource: 'auth-token',
        sid: existing.sid,
        data: {},
      })
      return { account: changed, created: false }
    }
    const account = makeAccount(ctx, { friendlyName: 'My account', ...(sid && { sid }), token })
    await insertAccount(tx, account)
    await audit(ctx, tx, asServer(account.sid), {
      type: 'account.created',
      resource: 'account',
      sid: account.sid,
      data: { friendly_name: account.friendlyName },
    })
    await furnish(tx, account)
    return { account, created: true }
  })
}

/** Makes a subaccount; `kind` is the parent's. A subaccount has none of its own: 20006. */
export async function createSubaccount(ctx: Context, caller: Caller, friendlyName: string | undefined) {
  const parent = await fetchAccount(ctx, caller, caller.ownAccountSid)
  if (parent.parentSid !== null) throw fail.accessDenied()
  const account = makeAccount(ctx, {
    parentSid: parent.sid,
    kind: parent.kind,
    ...(friendlyName && { friendlyName }),
  })
  await ctx.storage.system.write(async (tx) => {
    await insertAccount(tx, account)
    await audit(ctx, tx, caller, {
      type: 'account.created',
      resource: 'account',
      sid: account.sid,
      data: { friendly_name: account.friendlyName },
    })
  })
  return account
}

/** The caller's own account, or one below it. Throws 20404 for any other. */
export async function fetchAccount(ctx: Context, caller: Caller, sid: string): Promise<Account> {
  const account = await findAccount(ctx.storage.system.read, sid)
  const mayAct = account && (sid === caller.ownAccountSid || account.parentSid === caller.ownAccountSid)
  if (!mayAct) throw fail.notFound(`/Accounts/${sid}`)
  return account
}

/** What events tell of an account. */
const shown = ({ friendlyName, status, kind }: Account) => ({
  friendly_name: friendlyName,
  status,
  type: kind,
})

/**
 * Renames, suspends, reactivates or closes. Only a parent, or the operator, changes an account's status; closing is final
 * (20409 afterwards), and takes effect on all nodes at their next request.
 */
export async function changeAccount(
  ctx: Context,
  caller: Caller,
  sid: string,
  input: { FriendlyName?: string; Status?: Account['status']; Kind?: 'Full' },
): Promise<Account> {
  for (;;) {
    const account = await fetchAccount(ctx, caller, sid)
    const status = input.Status ?? account.status
    if (account.status === 'closed' && status !== 'closed') throw fail.conflict()
    const isOwn = sid === caller.ownAccountSid && caller.actorType !== 'operator'
    if (status !== account.status && isOwn) throw fail.accessDenied()
    const changed: Account = {
      ...account,
      friendlyName: input.FriendlyName ?? account.friendlyName,
      status,
      kind: input.Kind ?? account.kind,
      revision: account.revision + 1,
      updatedAtMs: ctx.clock.now(),
    }
    const done = await ctx.storage.system.write(async (tx) => {
      if ((await updateAccount(tx, changed)) === 0) return false
      await audit(ctx, tx, caller, {
        type: 'account.updated',
        resource: 'account',
        sid,
        data: differences(shown(account), shown(changed)),
      })
      return true
    })
    ctx.known.forgetAccount(sid)
    // Nothing changed: another update came first.
    if (done) return changed
  }
}

/**
 * Ends the trial of an account and of those below it: it sends to everybody, and its messages lose their heading. On all
 * nodes at their next request. Leaves a full account as it is.
 */
export async function upgradeAccount(ctx: Context, caller: Caller, sid: string): Promise<Account> {
  await ctx.storage.system.write(async (tx) => {
    for (const upgraded of await endTrials(tx, sid, ctx.clock.now())) {
      await audit(ctx, tx, caller, {
        type: 'account.upgraded',
        resource: 'account',
        sid: upgraded,
        data: { type: { previous: 'Trial', updated: 'Full' } },
      })
    }
  })
  for (const below of await listSubaccountSids(ctx.storage.system.read, sid)) ctx.known.forgetAccount(below)
  ctx.known.forgetAccount(sid)
  return fetchAccount(ctx, caller, sid)
}
