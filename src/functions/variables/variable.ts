import { audit } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import type { Vault } from '../../storage/vault.ts'
import { type Environment, notFound } from '../environments/environment.ts'
import { touchEnvironment } from '../environments/store.ts'
import { forgetEnvironment } from '../forget.ts'
import { checkLimit, MAX_VARIABLE_BYTES } from '../limits.ts'
import {
  countVariables,
  deleteVariable,
  findVariable,
  findVariableByKey,
  insertVariable,
  updateVariable,
} from './store.ts'

/** What the functions of one environment find in their context, and as variables of their process. */
export interface Variable {
  sid: string
  accountSid: string
  environmentSid: string
  key: string
  value: string
  createdAtMs: number
  updatedAtMs: number
}

/** As it is kept. */
export interface SealedVariable extends Omit<Variable, 'value'> {
  value: Uint8Array
}

export const variableSealedAs = (accountSid: string, sid: string) => `variable ${accountSid} ${sid}`

export const openVariable = (vault: Vault, sealed: SealedVariable): Variable => ({
  ...sealed,
  value: vault.open(sealed.value, variableSealedAs(sealed.accountSid, sealed.sid)).toString(),
})

/** Counts from the next invocation on. Throws 20404, 60200, 20001 for too many, 20409 where the key is taken. */
export async function createVariable(
  ctx: Context,
  caller: Caller,
  environment: Environment,
  input: { Key: string; Value: string },
): Promise<Variable> {
  checkValue(input.Value)
  const now = ctx.clock.now()
  const variable: Variable = {
    sid: newSid('ZV', 0, now, ctx.random),
    accountSid: environment.accountSid,
    environmentSid: environment.sid,
    key: input.Key,
    value: input.Value,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await change(ctx, caller, environment, 'created', variable, async (tx) => {
    const count = await countVariables(tx, environment.accountSid, environment.sid)
    checkLimit('variables', count + 1)
    await refuseTaken(tx, variable)
    await insertVariable(tx, seal(ctx, variable))
  })
  return variable
}

/** Throws 20404. */
export async function fetchVariable(ctx: Context, environment: Environment, sid: string): Promise<Variable> {
  const { accountSid } = environment
  const sealed = await findVariable(ctx.storage.read, accountSid, environment.sid, sid)
  if (!sealed) throw notThere(sid)
  return openVariable(ctx.vault, sealed)
}

/** Throws as create does. */
export async function changeVariable(
  ctx: Context,
  caller: Caller,
  environment: Environment,
  sid: string,
  input: { Key?: string; Value?: string },
): Promise<Variable> {
  if (input.Value !== undefined) checkValue(input.Value)
  const before = await fetchVariable(ctx, environment, sid)
  const variable: Variable = {
    ...before,
    key: input.Key ?? before.key,
    value: input.Value ?? before.value,
    updatedAtMs: ctx.clock.now(),
  }
  await change(ctx, caller, environment, 'updated', variable, async (tx) => {
    await refuseTaken(tx, variable)
    if ((await updateVariable(tx, seal(ctx, variable))) === 0) throw notThere(sid)
  })
  return variable
}

/** Throws 20404. */
export async function removeVariable(
  ctx: Context,
  caller: Caller,
  environment: Environment,
  sid: string,
): Promise<void> {
  const variable = await findVariable(ctx.storage.read, environment.accountSid, environment.sid, sid)
  if (!variable) throw notThere(sid)
  await change(ctx, caller, environment, 'deleted', variable, async (tx) => {
    if ((await deleteVariable(tx, variable)) === 0) throw notThere(sid)
  })
}

/** A change of a variable, and with it of the environment's revision. */
async function change(
  ctx: Context,
  caller: Caller,
  environment: Environment,
  what: 'created' | 'updated' | 'deleted',
  { sid, key }: Pick<Variable, 'sid' | 'key'>,
  write: (tx: Tx) => Promise<void>,
): Promise<void> {
  await ctx.storage.write(async (tx) => {
    // First of all, so that changes of one environment come one after the other.
    if ((await touchEnvironment(tx, environment, ctx.clock.now())) === 0) throw notFound(environment.sid)
    await write(tx)
    await audit(ctx, tx, caller, {
      type: `serverless-variable.${what}`,
      resource: 'serverless-variable',
      sid,
      // Never its value: that may be a secret.
      data: { environment_sid: environment.sid, key },
    })
  })
  forgetEnvironment(ctx, environment.sid)
}

async function refuseTaken(tx: Tx, { accountSid, environmentSid, key, sid }: Variable): Promise<void> {
  const other = await findVariableByKey(tx, accountSid, environmentSid, key)
  if (other && other.sid !== sid) throw fail.conflict()
}

const seal = ({ vault }: Context, variable: Variable): SealedVariable => ({
  ...variable,
  value: vault.seal(Buffer.from(variable.value), variableSealedAs(variable.accountSid, variable.sid)),
})

function checkValue(value: string): void {
  if (Buffer.byteLength(value) > MAX_VARIABLE_BYTES) throw fail.invalidParameter('Value')
}

const notThere = (sid: string) => fail.notFound(`/Variables/${sid}`)
