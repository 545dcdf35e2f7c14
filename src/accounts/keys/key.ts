import { hash, timingSafeEqual } from 'node:crypto'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { audit, differences } from '../audit/audit.ts'
import { isFamily } from '../authorize.ts'
import { type Policy, parsePolicy } from './policy.ts'
import { countKeys, deleteKey, findAnyKey, findKey, insertKey, updateKey } from './store.ts'

/** Main: everything. Standard: all but accounts, keys and tokens. Restricted: what its policy allows. */
export type KeyKind = 'main' | 'standard' | 'restricted'

export interface ApiKey {
  sid: string
  accountSid: string
  friendlyName: string
  kind: KeyKind
  /** SHA-256 of the secret, which is shown once and never needed back. */
  secretHash: Uint8Array
  policy: Policy | null
  revision: number
  createdAtMs: number
  updatedAtMs: number
}

/** May be exceeded by what is made in the same instant. */
const MAX_KEYS = 1_000

const hashSecret = (secret: string) => hash('sha256', secret, 'buffer')

/** Constant in time, whatever is given. */
export const matchesSecret = (key: Pick<ApiKey, 'secretHash'>, secret: string) =>
  timingSafeEqual(hashSecret(secret), key.secretHash)

export interface KeyInput {
  FriendlyName?: string
  Policy?: unknown
}

/**
 * Makes a key; its secret is in the answer, this once. Only a restricted one has a policy, and needs it: 60200. Throws
 * 20001 for more than 1,000 of an account.
 */
export async function createKey(
  ctx: Context,
  caller: Caller,
  kind: KeyKind,
  input: KeyInput,
): Promise<{ key: ApiKey; secret: string }> {
  if (kind !== 'restricted' && input.Policy !== undefined) throw fail.invalidParameter('Policy')
  const now = ctx.clock.now()
  const secret = ctx.random.bytes(16).toString('hex')
  const key: ApiKey = {
    sid: newSid('SK', 0, now, ctx.random),
    accountSid: caller.accountSid,
    friendlyName: input.FriendlyName ?? '',
    kind,
    secretHash: hashSecret(secret),
    policy: kind === 'restricted' ? parsePolicy(input.Policy) : null,
    revision: 1,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    await insertKey(tx, key)
    if ((await countKeys(tx, key.accountSid)) > MAX_KEYS)
      throw fail.invalidRequest(`An account has at most ${MAX_KEYS} API keys: delete one first`)
    await audit(ctx, tx, caller, {
      type: 'api-key.created',
      resource: 'api-key',
      sid: key.sid,
      data: { kind, ...shown(key) },
    })
  })
  return { key, secret }
}

/** The caller as it acts for the account that a key belongs to: its own or one below it. Throws 20404. */
export async function actForOwner(ctx: Context, caller: Caller, sid: string): Promise<Caller> {
  const key = await findAnyKey(ctx.storage.system.read, sid)
  if (!key || !(await isFamily(ctx, caller, key.accountSid))) throw fail.notFound(`/Keys/${sid}`)
  return { ...caller, accountSid: key.accountSid }
}

/** What events tell of a key. */
const shown = ({ friendlyName, policy }: ApiKey) => ({ friendly_name: friendlyName, policy })

/** Throws 20404. */
export async function fetchKey(ctx: Context, accountSid: string, sid: string): Promise<ApiKey> {
  const key = await findKey(ctx.storage.read, accountSid, sid)
  if (!key) throw fail.notFound(`/Keys/${sid}`)
  return key
}

export async function changeKey(ctx: Context, caller: Caller, sid: string, input: KeyInput): Promise<ApiKey> {
  const key = await fetchKey(ctx, caller.accountSid, sid)
  if (input.Policy !== undefined && key.kind !== 'restricted') throw fail.invalidParameter('Policy')
  const changed: ApiKey = {
    ...key,
    friendlyName: input.FriendlyName ?? key.friendlyName,
    policy: input.Policy === undefined ? key.policy : parsePolicy(input.Policy),
    revision: key.revision + 1,
    updatedAtMs: ctx.clock.now(),
  }
  await ctx.storage.write(async (tx) => {
    if ((await updateKey(tx, changed)) === 0) throw fail.notFound(`/Keys/${sid}`)
    await audit(ctx, tx, caller, {
      type: 'api-key.updated',
      resource: 'api-key',
      sid,
      data: differences(shown(key), shown(changed)),
    })
  })
  ctx.known.forgetKey(sid)
  return changed
}

/** From this answer on the key opens nothing, on any node. */
export async function removeKey(ctx: Context, caller: Caller, sid: string): Promise<void> {
  await ctx.storage.write(async (tx) => {
    if ((await deleteKey(tx, caller.accountSid, sid)) === 0) throw fail.notFound(`/Keys/${sid}`)
    await audit(ctx, tx, caller, { type: 'api-key.deleted', resource: 'api-key', sid, data: {} })
  })
  ctx.known.forgetKey(sid)
}
