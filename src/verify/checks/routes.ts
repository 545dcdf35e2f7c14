import { operation } from '../../http/operation.ts'
import { checkVerification } from './check.ts'
import { CheckBody, CheckWire, toCheckWire } from './wire.ts'

export const checkOperations = [
  operation({
    method: 'POST',
    path: '/v2/Services/:ServiceSid/VerificationCheck',
    input: CheckBody,
    status: 200,
    reply: CheckWire,
    handle: async (ctx, { accountSid, params, input }) =>
      toCheckWire(await checkVerification(ctx, accountSid, params.ServiceSid, input)),
  }),
]
