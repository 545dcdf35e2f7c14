import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'
import { parseAnyRecipient } from '../verify/verifications/recipient.ts'
import { hasNumber } from './caller-ids/store.ts'
import { isOwnMailbox } from './sign-up/store.ts'

/**
 * Throws 21608 unless the recipient of a trial account's message is a verified caller id of the account, or the mailbox
 * that it was opened with.
 */
export async function requireVerified(ctx: Context, accountSid: string, recipientKey: string): Promise<void> {
  if (!(await isVerified(ctx, accountSid, recipientKey))) throw fail.unverifiedNumber()
}

/** Whether what waited to be sent may still go: the number may have been removed since, or the trial ended. */
export async function isStillVerified(ctx: Context, accountSid: string, to: string): Promise<boolean> {
  if ((await ctx.known.account(accountSid))?.kind !== 'Trial') return true
  const recipient = await parseAnyRecipient(to)
  return recipient !== undefined && isVerified(ctx, accountSid, recipient.key)
}

export function isVerified(ctx: Context, accountSid: string, recipientKey: string): Promise<boolean> {
  const isOwn = recipientKey.includes('@') ? isOwnMailbox : hasNumber
  return isOwn(ctx.storage.read, accountSid, recipientKey)
}
