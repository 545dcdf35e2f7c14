import { operation } from '../http/operation.ts'
import { fetchAttempt } from '../verify/attempts/attempt.ts'
import { listHandovers } from './store.ts'
import { HandoversWire, toHandoversWire } from './wire.ts'

export const deliveryOperations = [
  operation({
    method: 'GET',
    path: '/delivery/attempts/:Sid',
    permission: '/twilio/verify/attempts/read',
    status: 200,
    reply: HandoversWire,
    handle: async (ctx, { caller, params }) => {
      const attempt = await fetchAttempt(ctx, caller.accountSid, params.Sid)
      return toHandoversWire(attempt, await listHandovers(ctx.storage.read, attempt))
    },
  }),
]
