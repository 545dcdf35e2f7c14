import { operation } from '../../http/operation.ts'
import { listOf, readList } from '../../http/paging.ts'
import { list2010, readPage2010 } from '../../http/paging-2010.ts'
import { actFor } from '../authorize.ts'
import { actForOwner, changeKey, createKey, fetchKey, removeKey } from './key.ts'
import { listKeys } from './store.ts'
import {
  IamCreateBody,
  IamKeyWire,
  IamListedKeyWire,
  IamListQuery,
  IamNewKeyWire,
  IamUpdateBody,
  KeyBody,
  KeyWire,
  NewKeyWire,
  PageOfKeys,
  toKeyWire,
} from './wire.ts'

/** Keys and SigningKeys are two names of one thing: both make standard keys. */
const operations2010 = (['Keys', 'SigningKeys'] as const).flatMap((name) => {
  const path = `/2010-04-01/Accounts/:AccountSid/${name}` as const
  const instance = `${path}/:Sid` as const
  const key = name === 'Keys' ? 'keys' : 'signing_keys'
  const may = (action: string) => ({ permission: `/twilio/iam/api-keys/${action}`, mainOnly: true })
  return [
    operation({
      method: 'POST',
      path,
      ...may('create'),
      input: KeyBody,
      status: 201,
      reply: NewKeyWire,
      handle: async (ctx, { caller, input }) => {
        const made = await createKey(ctx, caller, 'standard', input)
        return { ...toKeyWire(made.key), secret: made.secret }
      },
    }),
    operation({
      method: 'GET',
      path,
      ...may('list'),
      input: PageOfKeys,
      status: 200,
      reply: list2010(key, KeyWire),
      handle: (ctx, { caller, input }) =>
        readPage2010(
          input,
          { path: `/2010-04-01/Accounts/${caller.accountSid}/${name}.json`, key },
          (page) => listKeys(ctx.storage.read, caller.accountSid, page),
          toKeyWire,
        ),
    }),
    operation({
      method: 'GET',
      path: instance,
      ...may('read'),
      status: 200,
      reply: KeyWire,
      handle: async (ctx, { caller, params }) =>
        toKeyWire(await fetchKey(ctx, caller.accountSid, params.Sid)),
    }),
    operation({
      method: 'POST',
      path: instance,
      ...may('update'),
      input: KeyBody,
      status: 200,
      reply: KeyWire,
      handle: async (ctx, { caller, params, input }) =>
        toKeyWire(await changeKey(ctx, caller, params.Sid, input)),
    }),
    operation({
      method: 'DELETE',
      path: instance,
      ...may('delete'),
      status: 204,
      reply: null,
      handle: (ctx, { caller, params }) => removeKey(ctx, caller, params.Sid),
    }),
  ]
})

const IAM = '/v1/Keys'
const IAM_KEY = `${IAM}/:Sid` as const

/** IAM v1: the same keys, with kinds and policies. */
const operationsIam = [
  operation({
    method: 'POST',
    path: IAM,
    permission: '/twilio/iam/api-keys/create',
    mainOnly: true,
    input: IamCreateBody,
    status: 201,
    reply: IamNewKeyWire,
    handle: async (ctx, { caller, input }) => {
      const owner = await actFor(ctx, caller, input.AccountSid)
      const made = await createKey(ctx, owner, input.KeyType ?? 'standard', input)
      return { ...toKeyWire(made.key), secret: made.secret, policy: made.key.policy }
    },
  }),
  operation({
    method: 'GET',
    path: IAM,
    permission: '/twilio/iam/api-keys/list',
    mainOnly: true,
    input: IamListQuery,
    status: 200,
    reply: listOf('keys', IamListedKeyWire),
    handle: async (ctx, { caller, input, urls }) => {
      const { accountSid } = await actFor(ctx, caller, input.AccountSid)
      return readList(
        input,
        { url: urls.base + IAM, key: 'keys', filters: { AccountSid: accountSid } },
        (page) => listKeys(ctx.storage.read, accountSid, page),
        // All of them sign client tokens upstream; here they are for the REST API.
        (key) => ({ ...toKeyWire(key), flags: ['rest_api'] }),
      )
    },
  }),
  operation({
    method: 'GET',
    path: IAM_KEY,
    permission: '/twilio/iam/api-keys/read',
    mainOnly: true,
    status: 200,
    reply: IamKeyWire,
    handle: async (ctx, { caller, params }) => {
      const { accountSid } = await actForOwner(ctx, caller, params.Sid)
      const key = await fetchKey(ctx, accountSid, params.Sid)
      return { ...toKeyWire(key), policy: key.policy }
    },
  }),
  operation({
    method: 'POST',
    path: IAM_KEY,
    permission: '/twilio/iam/api-keys/update',
    mainOnly: true,
    input: IamUpdateBody,
    status: 200,
    reply: IamKeyWire,
    handle: async (ctx, { caller, params, input }) => {
      const owner = await actForOwner(ctx, caller, params.Sid)
      const key = await changeKey(ctx, owner, params.Sid, input)
      return { ...toKeyWire(key), policy: key.policy }
    },
  }),
  operation({
    method: 'DELETE',
    path: IAM_KEY,
    permission: '/twilio/iam/api-keys/delete',
    mainOnly: true,
    status: 204,
    reply: null,
    handle: async (ctx, { caller, params }) =>
      removeKey(ctx, await actForOwner(ctx, caller, params.Sid), params.Sid),
  }),
]

export const keyOperations = [...operations2010, ...operationsIam]
