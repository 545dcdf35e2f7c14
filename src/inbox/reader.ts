import type { Context } from '../context.ts'
import type { Caller } from '../http/caller.ts'
import { fail } from '../http/errors.ts'
import type { PageRequest } from '../storage/keyset.ts'
import { attemptSlot } from '../verify/attempts/attempt.ts'
import { parseAnyRecipient } from '../verify/verifications/recipient.ts'
import { type InboxMessage, openMessage } from './inbox.ts'
import { listMessages } from './store.ts'

/** Between looks for a message that another node took. */
const LOOK_AGAIN_MS = 1_000

/**
 * Messages of the caller's account, newest first; of one recipient where `To` is given. With both, waits up to `Wait`
 * seconds for the first one, and then has the caller confirmed before each look. That codes were read is audited. Throws 60200 for a `To` that is no recipient, and for a
 * `Wait` without `To`.
 */
export async function readMessages(
  ctx: Context,
  caller: Caller,
  { To, Wait = 0 }: { To?: string; Wait?: number },
  page: PageRequest,
  confirm: () => Promise<unknown>,
): Promise<InboxMessage[]> {
  const recipient = To ? await parseAnyRecipient(To) : undefined
  if (To && !recipient) throw fail.invalidTo(To)
  if (Wait > 0 && !recipient) throw fail.invalidParameter('Wait')
  const slotOf = (key: string) => attemptSlot(ctx, caller.accountSid, key)
  const of = recipient && { to: recipient.to, slot: slotOf(recipient.key) }
  const read = () => listMessages(ctx.storage.read, caller.accountSid, of, page)
  const untilMs = ctx.clock.now() + Wait * 1000
  let messages = await read()
  while (recipient && messages.length === 0 && ctx.inbox.mayWait && ctx.clock.now() < untilMs) {
    const ms = Math.min(LOOK_AGAIN_MS, untilMs - ctx.clock.now())
    await nextMessage(ctx, caller.accountSid, recipient.to, ms)
    await confirm()
    messages = await read()
  }
  if (messages.length > 0) ctx.logins.codesRead(caller)
  return messages.map((message) => openMessage(ctx, message))
}

/** Resolves at the recipient's next message here, or after `ms`. */
function nextMessage({ inbox, clock }: Context, accountSid: string, to: string, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      stopTimer()
      stopWatching()
      resolve()
    }
    const stopTimer = clock.after(ms, wake)
    const stopWatching = inbox.watch(accountSid, to, wake)
  })
}
