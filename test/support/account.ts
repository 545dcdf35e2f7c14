import assert from 'node:assert/strict'
import { type Account, makeAccount, openAuthToken } from '../../src/accounts/accounts/account.ts'
import { insertAccount } from '../../src/accounts/accounts/store.ts'
import type { Context } from '../../src/context.ts'
import { basic, type TestServer } from './server.ts'

/** A further account of the same server; `authorization` is the header that its programs send. */
export async function addAccount(
  ctx: Context,
  status: Account['status'] = 'active',
  kind: Account['kind'] = 'Full',
  parentSid?: string,
): Promise<{ sid: string; authorization: string }> {
  const account = makeAccount(ctx, { friendlyName: 'Another', status, kind, ...(parentSid && { parentSid }) })
  await ctx.storage.system.write((tx) => insertAccount(tx, account))
  return {
    sid: account.sid,
    authorization: basic(account.sid, openAuthToken(ctx, account.sid, account.authToken)),
  }
}

export const callerIds = ({ accountSid }: TestServer, sid = accountSid) =>
  `/2010-04-01/Accounts/${sid}/OutgoingCallerIds.json`

/** Makes a number a verified caller id of an account: the server's first, unless another is given. */
export async function verifyNumber(
  server: TestServer,
  PhoneNumber: string,
  account?: { sid: string; authorization: string },
) {
  const asked = await server.post(callerIds(server, account?.sid), { PhoneNumber }, account?.authorization)
  assert.equal(asked.status, 200)
  const form = { PhoneNumber, Code: await server.lastCode(PhoneNumber) }
  return (await server.post('/v1/CallerIdConfirmations', form, account?.authorization)).body
}
