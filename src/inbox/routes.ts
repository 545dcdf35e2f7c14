import type { Context } from '../context.ts'
import { operation } from '../http/operation.ts'
import { listOf, readPage } from '../http/paging.ts'
import { attemptSlot } from '../verify/attempts/attempt.ts'
import { parseAnyRecipient } from '../verify/verifications/recipient.ts'
import { openMessage } from './inbox.ts'
import { listMessages } from './store.ts'
import { MessagesQuery, MessageWire, toMessageWire } from './wire.ts'

const PATH = '/inbox/messages'
/** Between looks for a message that another node took. */
const LOOK_AGAIN_MS = 1_000

export const inboxOperations = [
  operation({
    method: 'GET',
    path: PATH,
    permission: '/countersign/inbox/messages/list',
    // It shows codes.
    mainOnly: true,
    input: MessagesQuery,
    status: 200,
    reply: listOf('messages', MessageWire),
    handle: async (ctx, { caller, input, urls }) => {
      const recipient = input.To ? await parseAnyRecipient(input.To) : undefined
      // What is no recipient was sent nothing.
      const slot = input.To ? attemptSlot(ctx, caller.accountSid, recipient?.key ?? input.To) : undefined
      const list = { url: urls.base + PATH, key: 'messages', filters: { To: input.To } }
      const read = () =>
        readPage(input, list, (page) => listMessages(ctx.storage.read, caller.accountSid, slot, page))
      let page = await read()
      if (recipient && input.Wait) {
        const untilMs = ctx.clock.now() + input.Wait * 1000
        while (page.items.length === 0 && ctx.inbox.mayWait && ctx.clock.now() < untilMs) {
          await nextMessage(
            ctx,
            caller.accountSid,
            recipient.to,
            Math.min(LOOK_AGAIN_MS, untilMs - ctx.clock.now()),
          )
          page = await read()
        }
      }
      if (page.items.length > 0) ctx.logins.codesRead(caller)
      return {
        messages: page.items.map((message) => toMessageWire(openMessage(ctx, message))),
        meta: page.meta,
      }
    },
  }),
]

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
