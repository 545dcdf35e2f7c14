import { audit } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import type { Message } from './message.ts'
import { tellStatus } from './progress.ts'
import { cancelMessage, deleteMessage, findMessage, redactMessage } from './store.ts'

/** Throws 20404. */
export async function fetchMessage(ctx: Context, accountSid: string, sid: string): Promise<Message> {
  const message = await findMessage(ctx.storage.read, accountSid, sid)
  if (!message) throw notFound(sid)
  return message
}

/**
 * Cancels a message that is still to be sent, or empties one that need not be sent or answered any more. Throws 20404,
 * 20009 for one that is under way, 60200 for a text that is not empty.
 */
export async function changeMessage(
  ctx: Context,
  caller: Caller,
  sid: string,
  { Status, Body }: { Status?: 'canceled'; Body?: string },
): Promise<Message> {
  const message = await fetchMessage(ctx, caller.accountSid, sid)
  if (Body) throw fail.invalidParameter('Body')
  if (Status === undefined && Body === undefined) return message
  const updatedAtMs = ctx.clock.now()
  return ctx.storage.write(async (tx) => {
    let next = message
    if (Status === 'canceled') {
      next = { ...next, status: 'canceled', dueAtMs: null, updatedAtMs }
      if ((await cancelMessage(tx, next)) === 0) throw fail.notComplete()
      await tellStatus(ctx, tx, next)
    }
    if (Body === '') {
      next = { ...next, body: null, updatedAtMs }
      if ((await redactMessage(tx, next)) === 0) throw fail.notComplete()
      await audit(ctx, tx, caller, eventOf('redacted', sid))
    }
    return next
  })
}

/** Throws 20404, and 20009 for one that is still to be sent or answered. */
export async function removeMessage(ctx: Context, caller: Caller, sid: string): Promise<void> {
  const message = await fetchMessage(ctx, caller.accountSid, sid)
  await ctx.storage.write(async (tx) => {
    if ((await deleteMessage(tx, message)) === 0) throw fail.notComplete()
    await audit(ctx, tx, caller, eventOf('deleted', sid))
  })
}

const eventOf = (what: 'redacted' | 'deleted', sid: string) => ({
  type: `message.${what}`,
  resource: 'message',
  sid,
  data: {},
})

const notFound = (sid: string) => fail.notFound(`/Messages/${sid}`)
