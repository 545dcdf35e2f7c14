import { operation } from '../http/operation.ts'
import { listOf, readPage } from '../http/paging.ts'
import { readMessages } from './reader.ts'
import { MessagesQuery, MessageWire, toMessageWire } from './wire.ts'

const PATH = '/inbox/messages'

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
    handle: async (ctx, { caller, input, urls, confirm }) => {
      const list = { url: urls.base + PATH, key: 'messages', filters: { To: input.To } }
      const { items, meta } = await readPage(input, list, (page) =>
        readMessages(ctx, caller, input, page, confirm),
      )
      return { messages: items.map(toMessageWire), meta }
    },
  }),
]
