import { hash, timingSafeEqual } from 'node:crypto'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { maskRecipient } from '../../log.ts'
import { lockInstallation } from '../../storage/installation.ts'
import { newSid } from '../../storage/sid.ts'
import type { Read, Tx } from '../../storage/storage.ts'
import { asServer, audit, differences } from '../audit/audit.ts'
import {
  countSubaccounts,
  endTrials,
  findAccount,
  insertAccount,
  insertReplacedToken,
  listSubaccountSids,
  readFirstAccount,
  updateAccount,
  wasReplaced,
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
  /** SHA-256 of the token that the setting gave it last; null where none did. */
  configuredTokenHash: Uint8Array | null
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
    configuredTokenHash: given.token === undefined ? null : hashToken(given.token),
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
 * The account this installation begins with: made at the first start, with the configured sid and token. Later it is
 * given a configured token only where the setting has changed, and never one that gave way to another before: a node
 * whose setting is still the old one may start at any time.
 * `furnish` gives it what it begins with, in the same commit. `created` tells whether its token has to be shown (this
 * once): of nodes that start at once, one creates it.
 */
export async function ensureFirstAccount(
  ctx: Context,
  furnish: (tx: Tx, account: Account) => Promise<unknown> = async () => {},
): Promise<{ account: Account; created: boolean }> {
  const { accountSid: sid, authToken } = ctx.config
  const token = authToken?.reveal()
  const ensure = async (tx: Tx) => {
    await lockInstallation(tx, ctx.storage)
    const existing = await findFirst(ctx, tx)
    if (existing) {
      const account = token === undefined ? existing : await configureToken(ctx, tx, existing, token)
      return account && { account, created: false }
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
  }
  for (;;) {
    const ensured = await ctx.storage.system.write(ensure)
    if (ensured) return ensured
  }
}

/** Undefined where another change of the account came first. */
async function configureToken(ctx: Context, tx: Tx, account: Account, token: string) {
  const hash = hashToken(token)
  if (account.configuredTokenHash && timingSafeEqual(hash, account.configuredTokenHash)) return account
  const isNew = !timingSafeEqual(hash, account.authTokenHash)
  if (isNew && (await wasReplaced(tx, account.sid, hash))) {
    ctx.log.warn(
      { account_sid: account.sid },
      'COUNTERSIGN_AUTH_TOKEN names a token that was replaced, and is ignored: change it to the one that counts, or to a new one',
    )
    return account
  }
  const changed: Account = {
    ...account,
    ...(isNew && { authToken: sealAuthToken(ctx, account.sid, token), authTokenHash: hash }),
    configuredTokenHash: hash,
    revision: account.revision + 1,
    updatedAtMs: ctx.clock.now(),
  }
  if ((await updateAccount(tx, changed)) === 0) return undefined
  if (isNew) {
    await insertReplacedToken(tx, account)
    await audit(ctx, tx, asServer(account.sid), {
      type: 'auth-token.configured',
      resource: 'auth-token',
      sid: account.sid,
      data: {},
    })
  }
  return changed
}

const MAX_SUBACCOUNTS = 1_000

/** Subaccounts and trial accounts have none below them: 20006. Throws 20409 for more than 1,000. */
export async function createSubaccount(ctx: Context, caller: Caller, friendlyName: string | undefined) {
  const parent = await fetchAccount(ctx, caller, caller.ownAccountSid)
  if (parent.parentSid !== null || parent.kind === 'Trial') throw fail.accessDenied()
  const account = makeAccount(ctx, { parentSid: parent.sid, ...(friendlyName && { friendlyName }) })
  await ctx.storage.system.write(async (tx) => {
    if ((await countSubaccounts(tx, parent.sid)) >= MAX_SUBACCOUNTS) throw fail.conflict()
    await insertAccount(tx, account)
    await audit(ctx, tx, caller, {
      type: 'account.created',
      resource: 'account',
      sid: account.sid,
      data: { friendly_name: shownName(account) },
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

/** The name for events, which are kept for ever: a mailbox is masked. */
export const shownName = ({ friendlyName }: Pick<Account, 'friendlyName'>) =>
  friendlyName.includes('@') ? maskRecipient(friendlyName) : friendlyName

/** What events tell of an account. */
const shown = (account: Account) => ({ friendly_name: shownName(account), status: account.status })

/**
 * Renames, suspends, reactivates or closes. Only a parent, or the operator, changes an account's status; closing is final
 * (20409 afterwards), and takes effect on all nodes at their next request. Nobody closes the first account: 20006.
 */
export async function changeAccount(
  ctx: Context,
  caller: Caller,
  sid: string,
  input: { FriendlyName?: string; Status?: Account['status'] },
): Promise<Account> {
  for (;;) {
    const account = await fetchAccount(ctx, caller, sid)
    const status = input.Status ?? account.status
    if (account.status === 'closed' && status !== 'closed') throw fail.conflict()
    const isOwn = sid === caller.ownAccountSid && caller.actorType !== 'operator'
    if (status !== account.status && isOwn) throw fail.accessDenied()
    if (status === 'closed' && sid === (await readFirst(ctx)).sid) throw fail.accessDenied()
    const changed: Account = {
      ...account,
      friendlyName: input.FriendlyName ?? account.friendlyName,
      status,
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
