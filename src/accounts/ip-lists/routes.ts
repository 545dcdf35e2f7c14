import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { changeIpList, createIpList, fetchIpList, removeIpList } from './ip-list.ts'
import { listEntries } from './store.ts'
import { CreateBody, DeleteQuery, IpListWire, ListQuery, PATH, toIpListWire, UpdateBody } from './wire.ts'

const INSTANCE = `${PATH}/:Sid` as const
const may = (action: string) => ({
  permission: `/countersign/accounts/ip-access-lists/${action}`,
  mainOnly: true,
})

export const ipListOperations = [
  operation({
    method: 'POST',
    path: PATH,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: IpListWire,
    handle: async (ctx, { caller, input, urls }) =>
      toIpListWire(await createIpList(ctx, caller, input), urls),
  }),
  operation({
    method: 'GET',
    path: PATH,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: listOf('ip_access_lists', IpListWire),
    handle: (ctx, { caller, input, urls }) =>
      readList(
        input,
        { url: urls.base + PATH, key: 'ip_access_lists' },
        (page) => listEntries(ctx.storage.read, caller.accountSid, page),
        (entry) => toIpListWire(entry, urls),
      ),
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    ...may('read'),
    status: 200,
    reply: IpListWire,
    handle: async (ctx, { caller, params, urls }) =>
      toIpListWire(await fetchIpList(ctx, caller.accountSid, params.Sid), urls),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: IpListWire,
    handle: async (ctx, { caller, params, input, urls }) =>
      toIpListWire(await changeIpList(ctx, caller, params.Sid, input), urls),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    ...may('delete'),
    input: DeleteQuery,
    status: 204,
    reply: null,
    handle: (ctx, { caller, params, input }) => removeIpList(ctx, caller, params.Sid, input.Force),
  }),
]
