import type { Context } from '../context.ts'
import type { Caller } from '../http/caller.ts'
import { type ApiError, fail } from '../http/errors.ts'
import type { Operation } from '../http/operation.ts'
import type { Account } from './accounts/account.ts'
import type { ApiKey } from './keys/key.ts'

/** A credential that has been checked. */
export interface Principal {
  account: Account
  /** Absent where the account's own auth token was used. */
  key?: ApiKey | undefined
  /** Absent for an account that is nobody's subaccount. */
  parent?: Account | undefined
}

/**
 * Throws 20006 where a standard key is not enough, 70051 where a restricted one does not allow it (both are counted for
 * the audit), and 20404 for an account that is neither the credential's own nor below it.
 */
export async function authorizeOperation(
  ctx: Context,
  principal: Principal,
  sourceIp: string,
  op: Pick<Operation, 'permission' | 'mainOnly'>,
  accountSid: string | undefined,
): Promise<Caller> {
  const { account, key } = principal
  const caller: Caller = {
    accountSid: account.sid,
    ownAccountSid: account.sid,
    isTrial: account.kind === 'Trial',
    actorSid: key?.sid ?? account.sid,
    actorType: key ? 'key' : 'account',
    sourceIp,
  }
  const refusal = key && refusalOf(key, op)
  if (refusal) {
    ctx.logins.denied({ caller, permission: op.permission })
    throw refusal
  }
  return accountSid === undefined ? caller : actFor(ctx, caller, accountSid)
}

function refusalOf(
  { kind, policy }: ApiKey,
  { mainOnly, permission }: Pick<Operation, 'permission' | 'mainOnly'>,
): ApiError | undefined {
  if (kind === 'standard' && mainOnly) return fail.accessDenied()
  if (kind === 'restricted' && (mainOnly || !policy?.allow.includes(permission)))
    return fail.authorizationFailed()
  return undefined
}

/** The caller as it acts for the account itself or for one below it. Throws 20404 for any other. */
export async function actFor(ctx: Context, caller: Caller, accountSid: string): Promise<Caller> {
  if (!(await isFamily(ctx, caller, accountSid))) throw fail.notFound(`/Accounts/${accountSid}`)
  return { ...caller, accountSid }
}

/** Whether an account is the credential's own or one below it. */
export async function isFamily(ctx: Context, caller: Caller, accountSid: string): Promise<boolean> {
  if (accountSid === caller.ownAccountSid) return true
  return (await ctx.known.account(accountSid))?.parentSid === caller.ownAccountSid
}
