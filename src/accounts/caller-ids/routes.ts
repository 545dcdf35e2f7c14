import { operation } from '../../http/operation.ts'
import { list2010, readPage2010 } from '../../http/paging-2010.ts'
import {
  confirmCallerId,
  fetchCallerId,
  removeCallerId,
  renameCallerId,
  requestValidation,
} from './caller-id.ts'
import { listCallerIds } from './store.ts'
import {
  CallerIdWire,
  ConfirmationBody,
  ListQuery,
  toCallerIdWire,
  toValidationWire,
  UpdateBody,
  ValidationBody,
  ValidationWire,
} from './wire.ts'

const PATH = '/2010-04-01/Accounts/:AccountSid/OutgoingCallerIds'
const INSTANCE = `${PATH}/:Sid` as const
const may = (action: string) => ({ permission: `/twilio/api/outgoing-caller-ids/${action}` })

export const callerIdOperations = [
  operation({
    method: 'POST',
    path: PATH,
    ...may('create'),
    input: ValidationBody,
    status: 200,
    reply: ValidationWire,
    handle: async (ctx, { caller, input }) => toValidationWire(await requestValidation(ctx, caller, input)),
  }),
  operation({
    method: 'GET',
    path: PATH,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: list2010('outgoing_caller_ids', CallerIdWire),
    handle: (ctx, { caller, input }) => {
      const { PhoneNumber: phoneNumber, FriendlyName: friendlyName } = input
      return readPage2010(
        input,
        {
          path: `/2010-04-01/Accounts/${caller.accountSid}/OutgoingCallerIds.json`,
          key: 'outgoing_caller_ids',
          filters: { PhoneNumber: phoneNumber, FriendlyName: friendlyName },
        },
        (page) => listCallerIds(ctx.storage.read, caller.accountSid, { phoneNumber, friendlyName }, page),
        toCallerIdWire,
      )
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    ...may('read'),
    status: 200,
    reply: CallerIdWire,
    handle: async (ctx, { caller, params }) =>
      toCallerIdWire(await fetchCallerId(ctx, caller.accountSid, params.Sid)),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: CallerIdWire,
    handle: async (ctx, { caller, params, input }) =>
      toCallerIdWire(await renameCallerId(ctx, caller, params.Sid, input.FriendlyName)),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: (ctx, { caller, params }) => removeCallerId(ctx, caller, params.Sid),
  }),
  operation({
    method: 'POST',
    path: '/v1/CallerIdConfirmations',
    permission: '/countersign/accounts/caller-id-confirmations/create',
    input: ConfirmationBody,
    status: 201,
    reply: CallerIdWire,
    handle: async (ctx, { caller, input }) => toCallerIdWire(await confirmCallerId(ctx, caller, input)),
  }),
]
