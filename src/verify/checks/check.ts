import type { Context } from '../../context.ts'
import { fail } from '../../http/errors.ts'
import { fetchService, type Service } from '../services/service.ts'
import { openCode, sameCode } from '../verifications/code.ts'
import { updateChecks } from '../verifications/store.ts'
import {
  endVerification,
  laneOf,
  locate,
  sidOf,
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
 * Compares a guess. Counted before it is compared, in the same commit; a right one is accepted once, ever.
 * A wrong one leaves the status pending; from the sixth on 60202, until the verification expires.
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
  const sid = input.VerificationSid && sidOf(input.VerificationSid)
  if (!to && !sid) throw fail.noTarget()
  if (code === undefined) throw fail.invalidParameter('Code')
  if (service.settings.psd2_enabled && !(input.Amount && input.Payee)) throw fail.psd2Required()
  const at = await locate(ctx, service, { to: to || undefined, sid: sid || undefined })
  if (!at) throw fail.notFound(path)
  return ctx.lanes.check(laneOf(at), (lane) =>
    ctx.storage
      .write(async (tx) => {
        const v = await takeLive(ctx, tx, service, at)
        if (!v) throw fail.notFound(path)
        if (v.status !== 'pending') return v
        if (isRight(ctx, service, v, code, input)) return endVerification(ctx, tx, v, 'approved')
        const checks = v.checks + 1
        const status = checks < MAX_CHECKS ? 'pending' : 'max_attempts_reached'
        await updateChecks(tx, { ...v, checks, status, updatedAtMs: ctx.clock.now() })
        // The fifth wrong answer itself still says pending.
        return { ...v, checks, updatedAtMs: ctx.clock.now() }
      })
      .then((v) => {
        if (v.checks >= MAX_CHECKS) lane.exhaustedUntilMs = v.expiresAtMs
        if (v.status === 'max_attempts_reached') throw fail.maxChecks()
        return v
      }),
  )
}

function isRight(
  ctx: Context,
  { settings }: Service,
  v: Verification,
  guess: string,
  { Amount, Payee }: CheckInput,
) {
  const right = v.code !== null && sameCode(openCode(ctx, v, v.code), guess)
  const bound = !settings.psd2_enabled || (v.amount === Amount && v.payee === Payee)
  return right && bound
}
