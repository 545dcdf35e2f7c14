import type { Context } from '../../context.ts'
import { fail } from '../../http/errors.ts'
import { canonicalSid } from '../../storage/sid.ts'
import { fetchService, type Service } from '../services/service.ts'
import { openCode, sameCode } from '../verifications/code.ts'
import { parseAnyRecipient } from '../verifications/recipient.ts'
import { approveUnchanged, updateChecks } from '../verifications/store.ts'
import {
  asEnded,
  endVerification,
  findLive,
  type Location,
  laneOf,
  locate,
  takeLive,
  type Verification,
} from '../verifications/verification.ts'

const MAX_CHECKS = 5

export interface CheckInput {
  Code?: string
  To?: string
  VerificationSid?: string
  Amount?: string
  Payee?: string
  SnaClientToken?: string
}

/**
 * Compares a guess. A right one is accepted once, ever; a wrong one is counted by the unit that compares it, which has
 * the verification to itself and commits before the answer. A wrong one leaves the status pending; from the sixth on 60202, until the verification expires.
 * Throws 60200, 60206, 60221 for bad input, 20404 where nothing is there to be checked.
 */
export async function checkVerification(
  ctx: Context,
  accountSid: string,
  serviceSid: string,
  input: CheckInput,
): Promise<Verification> {
  const path = `/Services/${serviceSid}/VerificationCheck`
  const service = await fetchService(ctx, accountSid, serviceSid, path)
  const { Code: code, To: to } = input
  const sid = input.VerificationSid && canonicalSid(input.VerificationSid)
  if (!to && !sid) throw fail.noTarget()
  if (code === undefined) throw fail.invalidParameter('Code')
  if (service.settings.psd2_enabled && !(input.Amount && input.Payee)) throw fail.psd2Required()
  const recipient = to ? await parseAnyRecipient(to) : undefined
  if (to && !recipient) throw fail.invalidTo(to)
  const at = await locate(ctx, service, { recipient, sid: sid || undefined })
  if (!at) throw fail.notFound(path)
  const accepts = (v: Verification) => isRight(ctx, service, v, code, input)
  return ctx.lanes.check(laneOf(at), at.sid, async (lane) => {
    const approved = await approveAtOnce(ctx, service, at, accepts)
    if (approved) return approved
    const v = await ctx.storage.write(async (tx) => {
      const v = await takeLive(ctx, tx, service, at)
      if (!v) throw fail.notFound(path)
      if (v.status !== 'pending') return v
      if (accepts(v)) return endVerification(ctx, tx, v, 'approved')
      const checks = v.checks + 1
      const status = checks < MAX_CHECKS ? 'pending' : 'max_attempts_reached'
      await updateChecks(tx, { ...v, checks, status, updatedAtMs: ctx.clock.now() })
      // The fifth wrong answer itself still says pending.
      return { ...v, checks, updatedAtMs: ctx.clock.now() }
    })
    if (v.checks >= MAX_CHECKS) lane.exhausted = v
    if (v.status === 'max_attempts_reached') throw fail.maxChecks()
    return v
  })
}

/**
 * The hot path where the engine can: a right guess is accepted if nothing changed since it was compared. Undefined when
 * a unit has to decide.
 */
async function approveAtOnce(
  ctx: Context,
  service: Service,
  at: Location,
  accepts: (v: Verification) => boolean,
): Promise<Verification | undefined> {
  const { fused } = ctx.storage
  if (!fused) return undefined
  const v = await findLive(ctx, service, at)
  if (v?.status !== 'pending' || !accepts(v)) return undefined
  const approved = asEnded(ctx, v, 'approved')
  return (await approveUnchanged(fused, v, approved)) ? approved : undefined
}

function isRight(
  ctx: Context,
  { settings }: Service,
  v: Verification,
  guess: string,
  { Amount, Payee }: CheckInput,
) {
  const right = v.code !== null && sameCode(openCode(ctx, v, v.code), guess)
  // Also where it was started before the service's PSD2 was turned on, or off.
  const isForPayment = settings.psd2_enabled || v.amount !== null
  return right && (!isForPayment || (v.amount === Amount && v.payee === Payee))
}
