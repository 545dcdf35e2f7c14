import { operation } from '../../http/operation.ts'
import { list2010, readPage2010 } from '../../http/paging-2010.ts'
import { dateEndMs, dateMs } from '../../http/schema.ts'
import { changeMessage, fetchMessage, removeMessage } from './administer.ts'
import { sendMessage } from './send.ts'
import { listMessages } from './store.ts'
import { CreateBody, ListQuery, MessageWire, toMessageWire, UpdateBody } from './wire.ts'

const PATH = '/2010-04-01/Accounts/:AccountSid/Messages'
const INSTANCE = `${PATH}/:Sid` as const
const may = (action: string) => ({ permission: `/twilio/messaging/messages/${action}` })

export const messageOperations = [
  operation({
    method: 'POST',
    path: PATH,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: MessageWire,
    handle: async (ctx, { caller, input }) => toMessageWire(ctx, await sendMessage(ctx, caller, input)),
  }),
  operation({
    method: 'GET',
    path: PATH,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: list2010('messages', MessageWire),
    handle: (ctx, { caller, input }) => {
      const { To, From, DateSent, 'DateSent<': before, 'DateSent>': after } = input
      return readPage2010(
        input,
        {
          path: `/2010-04-01/Accounts/${caller.accountSid}/Messages.json`,
          key: 'messages',
          filters: { To, From, DateSent, 'DateSent<': before, 'DateSent>': after },
        },
        (page) =>
          listMessages(
            ctx.storage,
            caller.accountSid,
            // `DateSent<=` and `DateSent>=` are how these are written.
            {
              to: To,
              from: From,
              sentFromMs: dateMs(after ?? DateSent),
              sentToMs: dateEndMs(before ?? DateSent),
            },
            page,
          ),
        (message) => toMessageWire(ctx, message),
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    ...may('read'),
    status: 200,
    reply: MessageWire,
    handle: async (ctx, { caller, params }) =>
      toMessageWire(ctx, await fetchMessage(ctx, caller.accountSid, params.Sid)),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: MessageWire,
    handle: async (ctx, { caller, params, input }) =>
      toMessageWire(ctx, await changeMessage(ctx, caller, params.Sid, input)),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: (ctx, { caller, params }) => removeMessage(ctx, caller, params.Sid),
  }),
]
