import { operation } from '../../http/operation.ts'
import { startVerification } from './start.ts'
import { fetchVerification, updateVerification } from './verification.ts'
import { StartBody, toVerificationWire, UpdateBody, VerificationWire } from './wire.ts'

const PATH = '/v2/Services/:ServiceSid/Verifications'
const INSTANCE = `${PATH}/:Sid`

export const verificationOperations = [
  operation({
    method: 'POST',
    path: PATH,
    input: StartBody,
    status: 201,
    reply: VerificationWire,
    handle: async (ctx, { accountSid, params, input, urls }) =>
      toVerificationWire(await startVerification(ctx, accountSid, params.ServiceSid, input), urls),
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    status: 200,
    reply: VerificationWire,
    handle: async (ctx, { accountSid, params, urls }) =>
      toVerificationWire(await fetchVerification(ctx, accountSid, params.ServiceSid, params.Sid), urls),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    input: UpdateBody,
    status: 200,
    reply: VerificationWire,
    handle: async (ctx, { accountSid, params, input, urls }) =>
      toVerificationWire(
        await updateVerification(ctx, accountSid, params.ServiceSid, params.Sid, input.Status),
        urls,
      ),
  }),
]
