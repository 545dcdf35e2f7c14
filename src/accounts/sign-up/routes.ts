import { operation } from '../../http/operation.ts'
import { isoSeconds, optional, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { code } from '../../verify/verifications/wire.ts'
import { completeSignUp, startSignUp } from './sign-up.ts'

/** For who has no account yet, so no permission is ever asked for; registered only where the operator lets anybody in. */
export const signUpOperations = [
  operation({
    method: 'POST',
    path: '/sign-up',
    permission: '/countersign/sign-up/requests/create',
    input: Type.Object({ Email: Type.String(), PhoneNumber: Type.String() }),
    status: 201,
    reply: Type.Object({ sid: sid('SR'), date_expires: Type.String() }),
    handle: async (ctx, { caller, input }) => {
      const request = await startSignUp(ctx, caller.sourceIp, input)
      return { sid: request.sid, date_expires: isoSeconds(request.expiresAtMs) }
    },
  }),
  operation({
    method: 'POST',
    path: '/sign-up/complete',
    permission: '/countersign/sign-up/accounts/create',
    input: Type.Object({ Sid: Type.String(), EmailCode: optional(code), PhoneCode: optional(code) }),
    status: 201,
    reply: Type.Object({
      account_sid: sid('AC'),
      auth_token: Type.String(),
      type: Type.String(),
      date_created: Type.String(),
    }),
    handle: async (ctx, { caller, input }) => {
      const { account, authToken } = await completeSignUp(ctx, caller.sourceIp, input)
      return {
        account_sid: account.sid,
        auth_token: authToken,
        type: account.kind,
        date_created: isoSeconds(account.createdAtMs),
      }
    },
  }),
]
