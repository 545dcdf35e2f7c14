import { subscriberOf } from '../../addresses.ts'
import type { Context } from '../../context.ts'
import { fail } from '../../http/errors.ts'
import { isSid, newSid } from '../../storage/sid.ts'
import { parsePhone, parseRecipient } from '../../verify/verifications/recipient.ts'
import { type Account, makeAccount, openAuthToken, shownName } from '../accounts/account.ts'
import { insertAccount } from '../accounts/store.ts'
import { audit } from '../audit/audit.ts'
import { addCallerId, formatNumber } from '../caller-ids/caller-id.ts'
import { checkOwnCode, sendOwnCode, takeTurn } from '../own-service/own-service.ts'
import {
  deleteExpiredRequests,
  deleteRequest,
  findRequest,
  insertRequest,
  insertSignUp,
  markEmailVerified,
  markPhoneVerified,
} from './store.ts'

/** Somebody who wants an account, and what of it is proved. */
export interface SignUpRequest {
  sid: string
  /** As it was typed. */
  email: string
  /** The same for all spellings of one mailbox. */
  emailKey: string
  phoneNumber: string
  verificationSid: { email: string; phone: string }
  verified: { email: boolean; phone: boolean }
  expiresAtMs: number
}

const COMPLETE = '/sign-up/complete'

/**
 * Sends a code to a mailbox and one to a number. Says the same whether they have an account or not.
 * Throws 60200, 60223 where a channel is not served, and 20429 for who asks too often.
 */
export async function startSignUp(
  ctx: Context,
  sourceIp: string,
  input: { Email: string; PhoneNumber: string },
): Promise<SignUpRequest> {
  const email = await parseRecipient(input.Email, 'email')
  if (!email) throw fail.invalidParameter('Email')
  const phone = await parsePhone(input.PhoneNumber)
  if (!phone) throw fail.invalidParameter('PhoneNumber')
  // Before the other code is sent in vain.
  if (!ctx.delivery.serves('email')) throw fail.channelDisabled('email')
  takeTurn(ctx.ownSends, 'sign-up', subscriberOf(sourceIp), [phone.key, email.key])
  const now = ctx.clock.now()
  const sid = newSid('SR', 0, now, ctx.random)
  const byPhone = await sendOwnCode(ctx, sid, phone.to, ctx.delivery.serves('sms') ? 'sms' : 'call')
  const byEmail = await sendOwnCode(ctx, sid, email.to, 'email')
  const request: SignUpRequest = {
    sid,
    email: email.to,
    emailKey: email.key,
    phoneNumber: phone.to,
    verificationSid: { email: byEmail.sid, phone: byPhone.sid },
    verified: { email: false, phone: false },
    expiresAtMs: Math.min(byEmail.expiresAtMs, byPhone.expiresAtMs),
  }
  await ctx.storage.system.write(async (tx) => {
    await deleteExpiredRequests(tx, now)
    await insertRequest(tx, request)
  })
  return request
}

/**
 * Opens a trial account for who tells both codes back; its number is a verified caller id. A right code stays right, so
 * that only the other has to be told again. Throws 20404 for what is over, 60200 naming the wrong code, 60202 after five
 * of them, and 20409 (to who has proved to be the owner) where the mailbox or the number has an account already.
 */
export async function completeSignUp(
  ctx: Context,
  sourceIp: string,
  input: { Sid: string; EmailCode?: string; PhoneCode?: string },
): Promise<{ account: Account; authToken: string }> {
  const { system } = ctx.storage
  const request = isSid(input.Sid) ? await findRequest(system.read, input.Sid) : undefined
  if (!request || ctx.clock.now() >= request.expiresAtMs) throw fail.notFound(COMPLETE)
  const { verified, verificationSid, sid, phoneNumber } = request
  if (!verified.email) {
    await prove(ctx, 'EmailCode', input.EmailCode, verificationSid.email)
    await system.write((tx) => markEmailVerified(tx, sid))
  }
  if (!verified.phone) {
    await prove(ctx, 'PhoneCode', input.PhoneCode, verificationSid.phone)
    await system.write((tx) => markPhoneVerified(tx, sid))
  }
  const account = makeAccount(ctx, { kind: 'Trial', friendlyName: request.email })
  const actor = { accountSid: account.sid, actorSid: account.sid, actorType: 'account', sourceIp } as const
  const friendlyName = await formatNumber(phoneNumber)
  await system.write(async (tx) => {
    // Of two that come at once one finds it gone.
    if ((await deleteRequest(tx, sid)) === 0) throw fail.notFound(COMPLETE)
    if ((await insertSignUp(tx, request, account.sid, account.createdAtMs)) === 0) throw fail.conflict()
    await insertAccount(tx, account)
    await audit(ctx, tx, actor, {
      type: 'account.created',
      resource: 'account',
      sid: account.sid,
      data: { friendly_name: shownName(account), type: account.kind },
    })
    await addCallerId(ctx, tx, actor, phoneNumber, friendlyName)
  })
  return { account, authToken: openAuthToken(ctx, account.sid, account.authToken) }
}

async function prove(ctx: Context, name: string, code: string | undefined, verificationSid: string) {
  const isRight = code !== undefined && (await checkOwnCode(ctx, verificationSid, code, COMPLETE))
  if (!isRight) throw fail.invalidParameter(name)
}
