import { listAccountSids } from '../accounts/accounts/store.ts'
import { pruneAlerts } from '../accounts/alerts/store.ts'
import { sealAudit } from '../accounts/audit/sealer.ts'
import { foldUsage } from '../accounts/usage/fold.ts'
import { evaluateTriggers } from '../accounts/usage/triggers/evaluate.ts'
import type { Context } from '../context.ts'
import { prune } from '../storage/retention.ts'
import { foldAttempts } from '../verify/attempts/summary.ts'
import { expireVerifications } from '../verify/verifications/expire.ts'
import { pruneDeliveries } from '../webhooks/store.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** The real API keeps them as long. */
const ALERT_DAYS = 30
/** Longer than they are tried. */
const CALLBACK_DAYS = 7

/** One round of what nothing waits for: expiry, folding, retention. Several nodes may do it at once. */
export async function runBackground(ctx: Context): Promise<void> {
  await expireVerifications(ctx)
  for (const sid of await listAccountSids(ctx.storage.system.read)) {
    await foldAttempts(ctx, sid)
    await foldUsage(ctx, sid)
  }
  const now = ctx.clock.now()
  await prune(ctx.storage, ctx.placements, {
    verificationsBeforeMs: now - ctx.config.verificationRetentionDays * DAY_MS,
    inboxBeforeMs: now - ctx.config.inboxRetentionHours * HOUR_MS,
  })
  await pruneAlerts(ctx.storage, now - ALERT_DAYS * DAY_MS)
  await pruneDeliveries(ctx.storage.system, now - CALLBACK_DAYS * DAY_MS)
}

/** One round of what somebody waits for: calls counted, and triggers that what was used has reached. */
export async function runUsage(ctx: Context): Promise<void> {
  await ctx.callCounts.flush()
  await evaluateTriggers(ctx)
}

/** One round of what is to be found in the database soon: log-ins, alerts, and the seal upon events. */
export async function runRecords(ctx: Context): Promise<void> {
  await Promise.all([ctx.logins.flush(), ctx.alerts.flush()])
  await sealAudit(ctx)
}

const JOBS: readonly { everyMs: number; run: (ctx: Context) => Promise<void> }[] = [
  { everyMs: 60_000, run: runBackground },
  { everyMs: 10_000, run: runUsage },
  { everyMs: 1_000, run: runRecords },
]

/** Runs each job in its time until the returned function is called, which resolves when rounds under way have ended. */
export function startBackground(ctx: Context): () => Promise<void> {
  const stops = JOBS.map((job) => repeat(ctx, job))
  return async () => {
    await Promise.all(stops.map((stop) => stop()))
  }
}

function repeat(ctx: Context, { everyMs, run }: (typeof JOBS)[number]): () => Promise<void> {
  let round: Promise<void> = Promise.resolve()
  let stopped = false
  let cancel = () => {}
  const schedule = () => {
    cancel = ctx.clock.after(everyMs, () => {
      round = run(ctx)
        .catch((error: unknown) =>
          ctx.log.error({ err: error }, 'background work failed; it will be tried again'),
        )
        .finally(() => {
          if (!stopped) schedule()
        })
    })
  }
  schedule()
  return async () => {
    stopped = true
    cancel()
    await round
  }
}
