import type { Context } from '../../../context.ts'
import { fromMicros } from '../../../delivery/rates.ts'
import { rfc2822 } from '../../../http/paging-2010.ts'
import { sumUsage } from '../store.ts'
import { listArmed, markFired } from './store.ts'
import { type Period, periodOf, type Trigger, valueMicros } from './trigger.ts'
import { usageRecordUri } from './wire.ts'

/** What is used at the very end of a period may be seen after it. */
const LATE_MS = 60_000

/** Fires what has reached its value. Several nodes may do it at once: each firing is one callback. */
export async function evaluateTriggers(ctx: Context): Promise<void> {
  const armed = await listArmed(ctx.storage.system.read)
  for (const [accountSid, triggers] of Map.groupBy(armed, (trigger) => trigger.accountSid)) {
    await evaluateAccount(ctx, accountSid, triggers)
  }
}

async function evaluateAccount(
  ctx: Context,
  accountSid: string,
  triggers: readonly Trigger[],
): Promise<void> {
  const now = ctx.clock.now()
  const watched = triggers.flatMap((trigger) =>
    periodsDue(trigger, now).map((period) => ({ trigger, period })),
  )
  if (watched.length === 0) return
  const fromDay = Math.min(...watched.map(({ period }) => period.span.fromDay))
  const toDay = Math.max(...watched.map(({ period }) => period.span.toDay))
  const days = await sumUsage(ctx.storage.system.scan, accountSid, true, { fromDay, toDay })
  for (const { trigger, period } of watched) {
    const value = valueMicros(trigger, days, period.span)
    if (value >= trigger.valueMicros) await fire(ctx, trigger, period, value)
  }
}

/** The period that is just over, and the one that has begun; but for those up to the last that it fired in. */
function periodsDue({ recurring, firedPeriod }: Trigger, nowMs: number): Period[] {
  const current = periodOf(recurring, nowMs)
  const late = periodOf(recurring, nowMs - LATE_MS)
  const periods = late.name === current.name ? [current] : [late, current]
  return periods.filter(({ name }) => name > (firedPeriod ?? ''))
}

async function fire(ctx: Context, trigger: Trigger, period: Period, value: number): Promise<void> {
  const now = ctx.clock.now()
  await ctx.storage.system.write(async (tx) => {
    if ((await markFired(tx, trigger, period.name, now)) === 0) return
    await ctx.webhooks.add(tx, {
      accountSid: trigger.accountSid,
      url: trigger.callbackUrl,
      method: trigger.callbackMethod,
      form: {
        AccountSid: trigger.accountSid,
        UsageTriggerSid: trigger.sid,
        DateFired: rfc2822(now),
        Recurring: trigger.recurring,
        UsageCategory: trigger.category,
        TriggerBy: trigger.by,
        TriggerValue: fromMicros(trigger.valueMicros),
        CurrentValue: fromMicros(value),
        UsageRecordUri: usageRecordUri(trigger),
        // The same at each try.
        IdempotencyToken: `${trigger.sid}-FIRES-${period.name}`,
      },
    })
  })
}
