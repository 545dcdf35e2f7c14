import { asOperator, resolveAccount } from '../accounts/administer.ts'
import { alertOperations } from '../accounts/alerts/routes.ts'
import { callerIdOperations } from '../accounts/caller-ids/routes.ts'
import { ipListOperations } from '../accounts/ip-lists/routes.ts'
import { usageOperations } from '../accounts/usage/routes.ts'
import { triggerOperations } from '../accounts/usage/triggers/routes.ts'
import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'
import type { Form } from '../http/form.ts'
import { compileOperation, type Operation } from '../http/operation.ts'

/** Those that the command line has no words of its own for. */
const OPERATIONS: readonly Operation[] = [
  ...alertOperations,
  ...callerIdOperations,
  ...ipListOperations,
  ...usageOperations,
  ...triggerOperations,
]

export interface OperateInput {
  method: Operation['method']
  path: string
  /** The first one without it. */
  account?: string | undefined
  /** Of the path, but for the account's. */
  params?: Record<string, string>
  form?: Form
}

/** Does an operation of the API as the operator, for any account. Checks, answers and throws as the API does. */
export async function operate(ctx: Context, input: OperateInput): Promise<unknown> {
  const { method, path, account, params, form = {} } = input
  const operation = OPERATIONS.find((known) => known.method === method && known.path === path)
  if (!operation) throw fail.notFound(path)
  const { sid } = await resolveAccount(ctx, account)
  const { pick, serialize } = await compileOperation(operation)
  const answer = await operation.handle(ctx, {
    caller: asOperator(sid),
    params: { ...params, AccountSid: sid },
    input: pick(form) as never,
    file: undefined,
    urls: { base: ctx.config.publicUrl ?? `http://localhost:${ctx.config.port}` },
    confirm: async () => {},
  })
  return operation.reply === null ? null : JSON.parse(serialize(answer))
}
