import { operation } from '../../http/operation.ts'
import { list2010, readPage2010 } from '../../http/paging-2010.ts'
import { changeNumber, fetchNumber, releaseNumber, takeNumber } from './incoming-phone-number.ts'
import { listNumbers } from './store.ts'
import { CreateBody, ListQuery, NumberWire, toNumberWire, UpdateBody } from './wire.ts'

const PATH = '/2010-04-01/Accounts/:AccountSid/IncomingPhoneNumbers'
const INSTANCE = `${PATH}/:Sid` as const
const may = (action: string) => ({ permission: `/twilio/api/incoming-phone-numbers/${action}` })

export const incomingPhoneNumberOperations = [
  operation({
    method: 'POST',
    path: PATH,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: NumberWire,
    handle: async (ctx, { caller, input }) => toNumberWire(await takeNumber(ctx, caller, input)),
  }),
  operation({
    method: 'GET',
    path: PATH,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: list2010('incoming_phone_numbers', NumberWire),
    handle: (ctx, { caller, input }) => {
      const { PhoneNumber: phoneNumber, FriendlyName: friendlyName } = input
      return readPage2010(
        input,
        {
          path: `/2010-04-01/Accounts/${caller.accountSid}/IncomingPhoneNumbers.json`,
          key: 'incoming_phone_numbers',
          filters: { PhoneNumber: phoneNumber, FriendlyName: friendlyName },
        },
        (page) => listNumbers(ctx.storage.read, caller.accountSid, { phoneNumber, friendlyName }, page),
        toNumberWire,
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    ...may('read'),
    status: 200,
    reply: NumberWire,
    handle: async (ctx, { caller, params }) =>
      toNumberWire(await fetchNumber(ctx, caller.accountSid, params.Sid)),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: NumberWire,
    handle: async (ctx, { caller, params, input }) =>
      toNumberWire(await changeNumber(ctx, caller, params.Sid, input)),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: (ctx, { caller, params }) => releaseNumber(ctx, caller, params.Sid),
  }),
]
