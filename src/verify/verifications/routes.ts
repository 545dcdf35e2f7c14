import { operation } from '../../http/operation.ts'
import { startVerification } from './start.ts'
import { fetchVerification, updateVerification } from './verification.ts'
import { StartBody, toVerificationWire, UpdateBody, VerificationWire } from './wire.ts'

const PATH = '/v2/Services/:ServiceSid/Verifications'
const INSTANCE = `${PATH}/:SidOrTo` as const

export const verificationOperations = [
  operation({
    method: 'POST',
    path: PATH,
    permission: '/twilio/verify/verifications/create',
    input: StartBody,
    status: 201,
    reply: VerificationWire,
    handle: async (ctx, { caller, params, input, urls }) =>
      toVerificationWire(await startVerification(ctx, caller, params.ServiceSid, input), urls),
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    permission: '/twilio/verify/verifications/read',
    status: 200,
    reply: VerificationWire,
    handle: async (ctx, { caller, params, urls }) =>
      toVerificationWire(
        await fetchVerification(ctx, caller.accountSid, params.ServiceSid, params.SidOrTo),
        urls,
      ),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    permission: '/twilio/verify/verifications/update',
    input: UpdateBody,
    status: 200,
    reply: VerificationWire,
    handle: async (ctx, { caller, params, input, urls }) =>
      toVerificationWire(
        await updateVerification(ctx, caller.accountSid, params.ServiceSid, params.SidOrTo, input.Status),
        urls,
      ),
  }),
]
