import type { Context } from '../context.ts'
import type { Caller } from '../http/caller.ts'
import { fail } from '../http/errors.ts'
import { Refusal } from '../refusal.ts'
import {
  type Account,
  changeAccount,
  createSubaccount,
  makeAccount,
  openAuthToken,
  readFirst,
  shownName,
  upgradeAccount,
} from './accounts/account.ts'
import { findAccount, insertAccount, listAllAccounts } from './accounts/store.ts'
import { audit } from './audit/audit.ts'
import { clearIpLists } from './ip-lists/ip-list.ts'
import { type ApiKey, changeKey, createKey, fetchKey, type KeyKind, removeKey } from './keys/key.ts'
import { READY_POLICIES } from './keys/policy.ts'
import { listKeys } from './keys/store.ts'
import { createSecondaryToken, deleteSecondaryToken, promoteSecondaryToken } from './tokens/token.ts'

// What the operator of an installation does with its accounts. `account` names one by its sid; without it: the first.

interface OfAccount {
  account?: string | undefined
}

const SOURCE_IP = '127.0.0.1'

/** Who acts where the command line does. */
export const asOperator = (accountSid: string): Caller => ({
  accountSid,
  ownAccountSid: accountSid,
  actorSid: 'operator',
  actorType: 'operator',
  sourceIp: SOURCE_IP,
})

/** Throws 20404. */
export async function resolveAccount(ctx: Context, sid: string | undefined): Promise<Account> {
  const account = sid === undefined ? await readFirst(ctx) : await findAccount(ctx.storage.system.read, sid)
  if (!account) throw fail.notFound(`/Accounts/${sid}`)
  return account
}

const describeAccount = (a: Account) => ({
  sid: a.sid,
  friendly_name: a.friendlyName,
  status: a.status,
  type: a.kind,
  parent_sid: a.parentSid,
  date_created: new Date(a.createdAtMs).toISOString(),
})

export async function listAccounts(ctx: Context) {
  return (await listAllAccounts(ctx.storage.system.read)).map(describeAccount)
}

/** An account of its own, below none or below `parent`. Its token is in the answer. */
export async function createAccount(
  ctx: Context,
  input: { name?: string; trial?: boolean; parent?: string },
) {
  const account =
    input.parent === undefined
      ? await createTopAccount(ctx, input)
      : await createBelow(ctx, await resolveAccount(ctx, input.parent), input.name)
  return { ...describeAccount(account), auth_token: openAuthToken(ctx, account.sid, account.authToken) }
}

function createBelow(ctx: Context, parent: Account, name: string | undefined): Promise<Account> {
  if (parent.parentSid !== null) throw new Refusal(`${parent.sid} is a subaccount, and has none itself`)
  if (parent.kind === 'Trial')
    throw new Refusal(`${parent.sid} is on trial, and has no subaccounts: upgrade it first`)
  return createSubaccount(ctx, asOperator(parent.sid), name)
}

async function createTopAccount(ctx: Context, { name, trial }: { name?: string; trial?: boolean }) {
  await readFirst(ctx) // the server makes that one, and furnishes it
  const account = makeAccount(ctx, { kind: trial ? 'Trial' : 'Full', ...(name && { friendlyName: name }) })
  await ctx.storage.system.write(async (tx) => {
    await insertAccount(tx, account)
    await audit(ctx, tx, asOperator(account.sid), {
      type: 'account.created',
      resource: 'account',
      sid: account.sid,
      data: { friendly_name: shownName(account), type: account.kind },
    })
  })
  return account
}

export async function setAccountStatus(ctx: Context, input: { account: string; status: Account['status'] }) {
  const caller = asOperator(input.account)
  if (input.status === 'closed' && input.account === (await readFirst(ctx)).sid)
    throw new Refusal('this is the first account, which the installation needs: suspend it instead')
  return describeAccount(await changeAccount(ctx, caller, input.account, { Status: input.status }))
}

export async function endTrial(ctx: Context, input: { account: string }) {
  const caller = asOperator(input.account)
  return describeAccount(await upgradeAccount(ctx, caller, input.account))
}

/** From then on the account may be used from everywhere. */
export async function clearAccess(ctx: Context, input: { account: string }) {
  const { sid } = await resolveAccount(ctx, input.account)
  await clearIpLists(ctx, asOperator(sid))
  return { account_sid: sid }
}

export async function showToken(ctx: Context, input: OfAccount) {
  const account = await resolveAccount(ctx, input.account)
  const change = { type: 'auth-token.shown', resource: 'auth-token', sid: account.sid, data: {} }
  await ctx.storage.system.write((tx) => audit(ctx, tx, asOperator(account.sid), change))
  return { account_sid: account.sid, auth_token: openAuthToken(ctx, account.sid, account.authToken) }
}

/** `start` makes a second token, `finish` makes it the only one, `cancel` removes it. */
export async function rotateToken(ctx: Context, input: OfAccount & { step: 'start' | 'finish' | 'cancel' }) {
  const account = await resolveAccount(ctx, input.account)
  const caller = asOperator(account.sid)
  if (input.step === 'start') {
    if (account.secondary)
      throw new Refusal('a second token is there already: finish that rotation, or cancel it')
    return { account_sid: account.sid, secondary_auth_token: (await createSecondaryToken(ctx, caller)).token }
  }
  if (!account.secondary) throw new Refusal('there is no second token: start a rotation first')
  if (input.step === 'cancel') {
    await deleteSecondaryToken(ctx, caller)
    return showToken(ctx, { account: account.sid })
  }
  const promoted = await promoteSecondaryToken(ctx, caller)
  const isConfigured = ctx.config.authToken !== undefined && account.sid === (await readFirst(ctx)).sid
  return {
    account_sid: account.sid,
    auth_token: openAuthToken(ctx, account.sid, promoted.authToken),
    // It names a token that opens nothing any more.
    ...(isConfigured && { change_setting: 'COUNTERSIGN_AUTH_TOKEN' }),
  }
}

const MAX_LISTED = 1_000

export async function listApiKeys(ctx: Context, input: OfAccount) {
  const account = await resolveAccount(ctx, input.account)
  const keys = await listKeys(ctx.storage.read, account.sid, { cursor: undefined, limit: MAX_LISTED })
  return keys.map(describeKey)
}

const describeKey = (key: ApiKey) => ({
  sid: key.sid,
  account_sid: key.accountSid,
  friendly_name: key.friendlyName,
  kind: key.kind,
  policy: key.policy,
  date_created: new Date(key.createdAtMs).toISOString(),
})

/** `policy` is the name of a ready-made one, or its JSON. The secret is in the answer, this once. */
export async function createApiKey(
  ctx: Context,
  input: OfAccount & { name?: string; kind: KeyKind; policy?: string },
) {
  const account = await resolveAccount(ctx, input.account)
  if ((input.kind === 'restricted') !== (input.policy !== undefined)) {
    throw new Refusal('a restricted key needs a policy, and no other key has one')
  }
  const { key, secret } = await createKey(ctx, asOperator(account.sid), input.kind, {
    ...(input.name && { FriendlyName: input.name }),
    ...(input.policy !== undefined && { Policy: readPolicy(input.policy) }),
  })
  return { sid: key.sid, secret, account_sid: account.sid, kind: key.kind, policy: key.policy }
}

function readPolicy(text: string): unknown {
  if (!text.trimStart().startsWith('{')) {
    const ready = READY_POLICIES[text]
    if (ready) return ready
    const names = Object.keys(READY_POLICIES).join(', ')
    throw new Refusal(
      `there is no policy "${text}": name one of ${names}, or give JSON like {"allow": [...]}`,
    )
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal('the policy is not JSON')
  }
}

/** A new name, or for a restricted key a new policy, which counts from the next request on. */
export async function updateApiKey(
  ctx: Context,
  input: OfAccount & { sid: string; name?: string; policy?: string },
) {
  const { name, policy } = input
  if (name === undefined && policy === undefined)
    throw new Refusal('there is nothing to change: give a name or a policy')
  const account = await resolveAccount(ctx, input.account)
  const { kind } = await fetchKey(ctx, account.sid, input.sid)
  if (policy !== undefined && kind !== 'restricted')
    throw new Refusal(`it is a ${kind} key, which has no policy: make a restricted one instead`)
  const changed = await changeKey(ctx, asOperator(account.sid), input.sid, {
    ...(name !== undefined && { FriendlyName: name }),
    ...(policy !== undefined && { Policy: readPolicy(policy) }),
  })
  return describeKey(changed)
}

export async function deleteApiKey(ctx: Context, input: OfAccount & { sid: string }) {
  const account = await resolveAccount(ctx, input.account)
  await removeKey(ctx, asOperator(account.sid), input.sid)
  return { sid: input.sid }
}
