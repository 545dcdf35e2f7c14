import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'
import { hasNumber } from './caller-ids/store.ts'
import { isOwnMailbox } from './sign-up/store.ts'

/**
 * Throws 21608 unless the recipient of a trial account's message is a verified caller id of the account, or the mailbox
 * that it was opened with.
 */
export async function requireVerified(ctx: Context, accountSid: string, recipientKey: string): Promise<void> {
  const isOwn = recipientKey.includes('@') ? isOwnMailbox : hasNumber
  if (!(await isOwn(ctx.storage.read, accountSid, recipientKey))) throw fail.unverifiedNumber()
}
