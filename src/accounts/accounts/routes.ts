import type { Context } from '../../context.ts'
import { operation } from '../../http/operation.ts'
import { list2010, readPage2010 } from '../../http/paging-2010.ts'
import { type Account, changeAccount, createSubaccount, fetchAccount, openAuthToken } from './account.ts'
import { listFamily } from './store.ts'
import { AccountWire, CreateBody, ListQuery, toAccountWire, UpdateBody } from './wire.ts'

const PATH = '/2010-04-01/Accounts'
const INSTANCE = `${PATH}/:Sid`

const show = (ctx: Context, account: Account) =>
  toAccountWire(account, openAuthToken(ctx, account.sid, account.authToken))

export const accountOperations = [
  operation({
    method: 'POST',
    path: PATH,
    permission: '/twilio/api/accounts/create',
    mainOnly: true,
    input: CreateBody,
    status: 201,
    reply: AccountWire,
    handle: async (ctx, { caller, input }) =>
      show(ctx, await createSubaccount(ctx, caller, input.FriendlyName)),
  }),
  operation({
    method: 'GET',
    path: PATH,
    permission: '/twilio/api/accounts/list',
    mainOnly: true,
    input: ListQuery,
    status: 200,
    reply: list2010('accounts', AccountWire),
    handle: (ctx, { caller, input }) => {
      const { FriendlyName: friendlyName, Status: status } = input
      const filters = { FriendlyName: friendlyName, Status: status }
      return readPage2010(
        input,
        { path: `${PATH}.json`, key: 'accounts', filters },
        (page) => listFamily(ctx.storage.system.read, caller.ownAccountSid, { friendlyName, status }, page),
        (account) => show(ctx, account),
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    permission: '/twilio/api/accounts/read',
    mainOnly: true,
    status: 200,
    reply: AccountWire,
    handle: async (ctx, { caller, params }) => show(ctx, await fetchAccount(ctx, caller, params.Sid)),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    permission: '/twilio/api/accounts/update',
    mainOnly: true,
    input: UpdateBody,
    status: 200,
    reply: AccountWire,
    handle: async (ctx, { caller, params, input }) =>
      show(ctx, await changeAccount(ctx, caller, params.Sid, input)),
  }),
]
