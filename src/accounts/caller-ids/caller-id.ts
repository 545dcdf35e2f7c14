import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { maskRecipient } from '../../log.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import { loadNumberingPlans, parsePhone } from '../../verify/verifications/recipient.ts'
import { audit } from '../audit/audit.ts'
import { checkOwnCode, sendOwnCode, takeTurn } from '../own-service/own-service.ts'
import {
  deleteCallerId,
  deleteExpiredRequests,
  deleteRequest,
  findCallerId,
  findRequest,
  hasNumber,
  insertCallerId,
  insertRequest,
  updateCallerId,
} from './store.ts'

/** A number that is proved to be the account's own. */
export interface CallerId {
  sid: string
  accountSid: string
  /** E.164. */
  phoneNumber: string
  friendlyName: string
  createdAtMs: number
  updatedAtMs: number
}

/** A number that is to be proved. */
export interface ValidationRequest {
  accountSid: string
  phoneNumber: string
  friendlyName: string
  verificationSid: string
  expiresAtMs: number
}

export interface ValidationInput {
  PhoneNumber: string
  FriendlyName?: string
  CallDelay?: number
  Extension?: string
  StatusCallback?: string
  StatusCallbackMethod?: string
}

const CONFIRMATIONS = '/CallerIdConfirmations'

/**
 * Calls the number (or texts it, where no provider calls) and tells it a code, which is to be confirmed.
 * Throws 60200, 60204 for what is not built, 21210 for a number that is the account's already, 20429.
 */
export async function requestValidation(
  ctx: Context,
  { accountSid }: Caller,
  input: ValidationInput,
): Promise<ValidationRequest> {
  const recipient = await parsePhone(input.PhoneNumber)
  if (!recipient) throw fail.invalidParameter('PhoneNumber')
  if (input.CallDelay) throw fail.unsupportedFeature('CallDelay')
  if (input.StatusCallback) throw fail.unsupportedFeature('StatusCallback')
  const phoneNumber = recipient.to
  if (await hasNumber(ctx.storage.read, accountSid, phoneNumber)) throw fail.alreadyVerified()
  const { kind, familySid } = await readRequester(ctx, accountSid)
  takeTurn(ctx.ownSends, kind, familySid, [recipient.key])
  const channel = ctx.delivery.serves('call') ? 'call' : 'sms'
  const verification = await sendOwnCode(ctx, accountSid, phoneNumber, channel, input.Extension)
  const request: ValidationRequest = {
    accountSid,
    phoneNumber,
    friendlyName: input.FriendlyName || (await formatNumber(phoneNumber)),
    verificationSid: verification.sid,
    expiresAtMs: verification.expiresAtMs,
  }
  await ctx.storage.write(async (tx) => {
    await deleteExpiredRequests(tx, accountSid, ctx.clock.now())
    await insertRequest(tx, request)
  })
  return request
}

/** More accounts below one are no more requests. */
async function readRequester(ctx: Context, accountSid: string) {
  const account = await ctx.known.account(accountSid)
  if (!account) throw fail.notFound(`/Accounts/${accountSid}`)
  return {
    kind: account.kind === 'Trial' ? 'trial' : 'full',
    familySid: account.parentSid ?? account.sid,
  } as const
}

/** Throws 20404 where nothing waits for it, 60200 for a wrong code, 60202 after five of them. */
export async function confirmCallerId(
  ctx: Context,
  caller: Caller,
  input: { PhoneNumber: string; Code: string },
): Promise<CallerId> {
  const { accountSid } = caller
  const phoneNumber = (await parsePhone(input.PhoneNumber))?.to
  const request = phoneNumber && (await findRequest(ctx.storage.read, accountSid, phoneNumber))
  if (!request || ctx.clock.now() >= request.expiresAtMs) throw fail.notFound(CONFIRMATIONS)
  const isRight = await checkOwnCode(ctx, request.verificationSid, input.Code, CONFIRMATIONS)
  if (!isRight) throw fail.invalidParameter('Code')
  return ctx.storage.write(async (tx) => {
    await deleteRequest(tx, accountSid, phoneNumber)
    return addCallerId(ctx, tx, caller, phoneNumber, request.friendlyName)
  })
}

/** Keeps a number that has been proved, in the unit that proves it. */
export async function addCallerId(
  ctx: Context,
  tx: Tx,
  caller: Pick<Caller, 'accountSid' | 'actorSid' | 'actorType' | 'sourceIp'>,
  phoneNumber: string,
  friendlyName: string,
): Promise<CallerId> {
  const now = ctx.clock.now()
  const callerId: CallerId = {
    sid: newSid('PN', 0, now, ctx.random),
    accountSid: caller.accountSid,
    phoneNumber,
    friendlyName,
    createdAtMs: now,
    updatedAtMs: now,
  }
  if ((await insertCallerId(tx, callerId)) === 0) throw fail.alreadyVerified()
  await audit(ctx, tx, caller, changeOf('created', callerId))
  return callerId
}

/** Throws 20404. */
export async function fetchCallerId(ctx: Context, accountSid: string, sid: string): Promise<CallerId> {
  const callerId = await findCallerId(ctx.storage.read, accountSid, sid)
  if (!callerId) throw notFound(sid)
  return callerId
}

export async function renameCallerId(
  ctx: Context,
  caller: Caller,
  sid: string,
  friendlyName: string | undefined,
): Promise<CallerId> {
  const before = await fetchCallerId(ctx, caller.accountSid, sid)
  const changed: CallerId = {
    ...before,
    friendlyName: friendlyName ?? before.friendlyName,
    updatedAtMs: ctx.clock.now(),
  }
  await ctx.storage.write(async (tx) => {
    if ((await updateCallerId(tx, changed)) === 0) throw notFound(sid)
    await audit(ctx, tx, caller, changeOf('updated', changed))
  })
  return changed
}

/** From this answer on a trial account begins to send nothing to the number; what waits to be sent is not sent. */
export async function removeCallerId(ctx: Context, caller: Caller, sid: string): Promise<void> {
  const callerId = await fetchCallerId(ctx, caller.accountSid, sid)
  await ctx.storage.write(async (tx) => {
    if ((await deleteCallerId(tx, caller.accountSid, sid)) === 0) throw notFound(sid)
    await audit(ctx, tx, caller, changeOf('deleted', callerId))
  })
}

/** As it is written in its own country. */
export async function formatNumber(phoneNumber: string): Promise<string> {
  const { parsePhoneNumberFromString } = await loadNumberingPlans()
  return parsePhoneNumberFromString(phoneNumber)?.formatNational() ?? phoneNumber
}

/** The number masked: events are kept for ever. */
const changeOf = (what: 'created' | 'updated' | 'deleted', { sid, phoneNumber }: CallerId) => ({
  type: `outgoing-caller-id.${what}`,
  resource: 'outgoing-caller-id',
  sid,
  data: { phone_number: maskRecipient(phoneNumber) },
})

const notFound = (sid: string) => fail.notFound(`/OutgoingCallerIds/${sid}`)
