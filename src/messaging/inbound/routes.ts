import { operation } from '../../http/operation.ts'
import { MessageWire, toMessageWire } from '../messages/wire.ts'
import { writeFromInbox } from './receive.ts'
import { WriteBody } from './wire.ts'

export const inboundOperations = [
  operation({
    method: 'POST',
    path: '/inbox/messages',
    permission: '/countersign/inbox/messages/create',
    // As whoever reads what comes to the phone.
    mainOnly: true,
    input: WriteBody,
    status: 201,
    reply: MessageWire,
    handle: async (ctx, { caller, input }) =>
      toMessageWire(ctx, await writeFromInbox(ctx, caller.accountSid, input)),
  }),
]
