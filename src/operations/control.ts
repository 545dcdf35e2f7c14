import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { openAuthToken, readFirst } from '../accounts/accounts/account.ts'
import type { Context } from '../context.ts'
import { fail } from '../http/errors.ts'
import { findFirstService } from '../verify/services/store.ts'

export const CONTROL_PATH = '/_control/credentials'

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
  return { accountSid: account.sid, authToken: openAuthToken(ctx, account), serviceSid: service?.sid ?? '' }
}

/**
 * For the command line on this machine: one process owns a SQLite file, so the running server is asked. The secret is
 * in a file that only the server's user can read; without it the path does not exist.
 */
export function registerControl(app: FastifyInstance, ctx: Context, secret: string): void {
  const expected = Buffer.from(`Bearer ${secret}`)
  app.get(CONTROL_PATH, async (request, reply) => {
    const given = Buffer.from(request.headers.authorization ?? '')
    const right = given.length === expected.length && timingSafeEqual(given, expected)
    if (!right) throw fail.notFound(CONTROL_PATH)
    return reply.header('cache-control', 'no-store').send(await readFirstCredentials(ctx))
  })
}
