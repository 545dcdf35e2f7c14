import { createHash } from 'node:crypto'
import type { Account } from '../../src/accounts/accounts/account.ts'
import { insertAccount } from '../../src/accounts/accounts/store.ts'
import type { Context } from '../../src/context.ts'
import { newSid } from '../../src/storage/sid.ts'
import { basic } from './server.ts'

/** A further account of the same server; `authorization` is the header that its programs send. */
export async function addAccount(
  ctx: Context,
  status: Account['status'] = 'active',
): Promise<{ sid: string; authorization: string }> {
  const now = ctx.clock.now()
  const sid = newSid('AC', 0, now, ctx.random)
  const token = ctx.random.bytes(16).toString('hex')
  const account: Account = {
    sid,
    friendlyName: 'Another',
    status,
    authToken: ctx.vault.seal(Buffer.from(token), `account/${sid}/auth_token`),
    authTokenHash: createHash('sha256').update(token).digest(),
    revision: 1,
    createdAtMs: now,
    updatedAtMs: now,
  }
  await ctx.storage.system.write((tx) => insertAccount(tx, account))
  return { sid, authorization: basic(sid, token) }
}
