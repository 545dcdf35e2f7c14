import type { Clock } from '../../clock.ts'
import type { Context } from '../../context.ts'
import type { Channel } from '../../delivery/provider.ts'
import { ApiError, fail } from '../../http/errors.ts'
import { lockInstallation } from '../../storage/installation.ts'
import { checkVerification } from '../../verify/checks/check.ts'
import { addService, type Service } from '../../verify/services/service.ts'
import { findService } from '../../verify/services/store.ts'
import { startVerification } from '../../verify/verifications/start.ts'
import type { Verification } from '../../verify/verifications/verification.ts'
import { readFirst } from '../accounts/account.ts'
import { asServer } from '../audit/audit.ts'
import { countInWindows, type WindowCount } from '../window-count.ts'
import { findOwnServiceSid, keepOwnServiceSid } from './store.ts'

const HOUR_MS = 3_600_000

/** What the operator pays for at somebody else's word is limited, on each node. */
export interface OwnSends {
  /** Per account together with those below it, or per address of somebody who has none. */
  byRequester: WindowCount
  /** Of all who pay for nothing: those of one kind together. */
  byStrangers: WindowCount
  /** To one number or mailbox, by all requesters of one kind. More than one requester has, so that none can use it up. */
  byRecipient: WindowCount
}

/** Those of one kind share limits; what strangers do does not limit those whom the operator knows. */
export type RequesterKind = 'sign-up' | 'trial' | 'full'

export const limitOwnSends = (clock: Clock): OwnSends => ({
  byRequester: countInWindows(clock, 10, HOUR_MS),
  byStrangers: countInWindows(clock, 200, HOUR_MS),
  byRecipient: countInWindows(clock, 20, HOUR_MS),
})

/** Counts one more request, that sends to all of `recipients`. Throws 20429, and then counts nothing. */
export function takeTurn(
  { byRequester, byStrangers, byRecipient }: OwnSends,
  kind: RequesterKind,
  requester: string,
  recipients: readonly string[],
): void {
  const turns: (readonly [WindowCount, string])[] = [
    [byRequester, requester],
    ...recipients.map((recipient) => [byRecipient, `${kind} ${recipient}`] as const),
  ]
  if (kind !== 'full') turns.push([byStrangers, kind])
  const waitMs = Math.max(...turns.map(([count, key]) => count.waitMs(key)))
  if (waitMs > 0) throw fail.tooManyRequests().after(Math.ceil(waitMs / 1000))
  for (const [count, key] of turns) count.add(key)
}

/**
 * The service by which Countersign itself finds out whose a number or mailbox is: one of the first account, made when it
 * is first needed. Its name is in the messages, and may be changed.
 */
async function ownService(ctx: Context): Promise<Service> {
  const { sid: accountSid } = await readFirst(ctx)
  const find = async (read: typeof ctx.storage.read) => {
    const sid = await findOwnServiceSid(read)
    return sid === undefined ? undefined : findService(read, accountSid, sid)
  }
  const existing = await find(ctx.storage.system.read)
  // What is kept of it was asked for by no request, so another node may have changed it since.
  if (existing) ctx.known.forgetService(existing.sid)
  return (
    existing ??
    ctx.storage.system.write(async (tx) => {
      await lockInstallation(tx, ctx.storage)
      const other = await find(tx)
      if (other) return other
      const service = await addService(ctx, tx, asServer(accountSid), { FriendlyName: 'Countersign' })
      await keepOwnServiceSid(tx, service.sid)
      return service
    })
  )
}

/**
 * Sends a code in Countersign's own name. Each requester (an account, or a request to sign up) has a verification of its
 * own, with its own guesses: nobody uses up those of another. Throws as `startVerification` does.
 */
export async function sendOwnCode(
  ctx: Context,
  requester: string,
  To: string,
  Channel: Channel,
  SendDigits?: string,
): Promise<Verification> {
  const { accountSid, sid } = await ownService(ctx)
  const input = { To, Channel, ...(SendDigits && { SendDigits }) }
  return startVerification(ctx, { accountSid, isTrial: false, requester }, sid, input)
}

/** Whether the code is the one that was sent. Throws 60202 after five wrong ones, and 20404 of `path` after its life. */
export async function checkOwnCode(ctx: Context, verificationSid: string, code: string, path: string) {
  const { accountSid, sid } = await ownService(ctx)
  try {
    const input = { VerificationSid: verificationSid, Code: code }
    return (await checkVerification(ctx, accountSid, sid, input)).status === 'approved'
  } catch (error) {
    // Its own path is nobody's business.
    if (error instanceof ApiError && error.status === 404) throw fail.notFound(path)
    throw error
  }
}
