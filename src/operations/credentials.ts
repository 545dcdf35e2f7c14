import { openAuthToken, readFirst } from '../accounts/accounts/account.ts'
import type { Context } from '../context.ts'
import { findFirstService } from '../verify/services/store.ts'

/** What a person needs to make the first request. */
export interface Credentials {
  accountSid: string
  authToken: string
  /** Empty when the account has no service left. */
  serviceSid: string
}

export async function readFirstCredentials(ctx: Context): Promise<Credentials> {
  const account = await readFirst(ctx)
  const service = await findFirstService(ctx.storage.read, account.sid)
  return {
    accountSid: account.sid,
    authToken: openAuthToken(ctx, account.sid, account.authToken),
    serviceSid: service?.sid ?? '',
  }
}
