import type { Static } from 'typebox'
import { operation } from '../../http/operation.ts'
import { isoSeconds, optional, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import { type Account, openAuthToken } from '../accounts/account.ts'
import { createSecondaryToken, deleteSecondaryToken, promoteSecondaryToken } from './token.ts'

const SECONDARY = '/v1/AuthTokens/Secondary'
const PROMOTE = '/v1/AuthTokens/Promote'

/** Accepted and without effect: nobody is sent an e-mail. */
const Input = Type.Object({ SuppressEmailNotification: optional(Type.Boolean()) })

const common = {
  account_sid: sid('AC'),
  date_created: Type.String(),
  date_updated: Type.String(),
  url: Type.String(),
}
const SecondaryWire = Type.Object({ ...common, secondary_auth_token: Type.String() })
const PromotedWire = Type.Object({ ...common, auth_token: Type.String() })

function toCommon(
  account: Account,
  { base }: Urls,
  path: string,
): Omit<Static<typeof SecondaryWire>, 'secondary_auth_token'> {
  return {
    account_sid: account.sid,
    date_created: isoSeconds(account.secondary?.createdAtMs ?? account.updatedAtMs),
    date_updated: isoSeconds(account.updatedAtMs),
    url: base + path,
  }
}

export const tokenOperations = [
  operation({
    method: 'POST',
    path: SECONDARY,
    permission: '/twilio/iam/auth-tokens/create',
    mainOnly: true,
    input: Input,
    status: 201,
    reply: SecondaryWire,
    handle: async (ctx, { caller, urls }) => {
      const { account, token } = await createSecondaryToken(ctx, caller)
      return { ...toCommon(account, urls, SECONDARY), secondary_auth_token: token }
    },
  }),
  operation({
    method: 'DELETE',
    path: SECONDARY,
    permission: '/twilio/iam/auth-tokens/delete',
    mainOnly: true,
    input: Input,
    status: 204,
    reply: null,
    handle: (ctx, { caller }) => deleteSecondaryToken(ctx, caller),
  }),
  operation({
    method: 'POST',
    path: PROMOTE,
    permission: '/twilio/iam/auth-tokens/update',
    mainOnly: true,
    input: Input,
    status: 200,
    reply: PromotedWire,
    handle: async (ctx, { caller, urls }) => {
      const account = await promoteSecondaryToken(ctx, caller)
      return {
        ...toCommon(account, urls, PROMOTE),
        auth_token: openAuthToken(ctx, account.sid, account.authToken),
      }
    },
  }),
]
