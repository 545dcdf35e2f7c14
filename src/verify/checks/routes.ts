import { operation } from '../../http/operation.ts'
import { checkVerification } from './check.ts'
import { CheckBody, CheckWire, toCheckWire } from './wire.ts'

export const checkOperations = [
  operation({
    method: 'POST',
    path: '/v2/Services/:ServiceSid/VerificationCheck',
    permission: '/twilio/verify/verification-checks/create',
    input: CheckBody,
    status: 200,
    reply: CheckWire,
    handle: async (ctx, { caller, params, input }) =>
      toCheckWire(await checkVerification(ctx, caller.accountSid, params.ServiceSid, input)),
  }),
]
