import { listAccountSids } from '../accounts/accounts/store.ts'
import { pruneAlerts } from '../accounts/alerts/store.ts'
import { sealAudit } from '../accounts/audit/sealer.ts'
import { foldUsage } from '../accounts/usage/fold.ts'
import { evaluateTriggers } from '../accounts/usage/triggers/evaluate.ts'
import { complainSparingly } from '../complaint.ts'
import type { Context } from '../context.ts'
import { pruneVersions, purgeServices } from '../functions/purge.ts'
import { pruneParts } from '../messaging/inbound/store.ts'
import { prune } from '../storage/retention.ts'
import { foldAttempts } from '../verify/attempts/summary.ts'
import { pruneServices } from '../verify/services/store.ts'
import { expireVerifications } from '../verify/verifications/expire.ts'
import { pruneDeliveries } from '../webhooks/store.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** The real API keeps them as long. */
const ALERT_DAYS = 30
/** Longer than they are tried. */
const CALLBACK_DAYS = 7

/** Each costs several statements, though nothing may have happened there. */
const PLACEMENTS_A_ROUND = 256
/** For what reads a whole table: once an hour. */
const ROUNDS_A_LOOK = 60

/** Of many placements those of one round; others come in the next rounds. */
function placementsOf({ placements }: Context, round: number): number[] {
  const rounds = Math.ceil(placements / PLACEMENTS_A_ROUND)
  return Array.from({ length: placements }, (_, placement) => placement).filter(
    (placement) => placement % rounds === round % rounds,
  )
}

/** One round of what nothing waits for: expiry, folding, retention. Several nodes may do it at once. */
export async function runBackground(ctx: Context, round = 0): Promise<void> {
  const { system } = ctx.storage
  const placements = placementsOf(ctx, round)
  await expireVerifications(ctx, placements)
  const now = ctx.clock.now()
  const verificationsMs = now - ctx.config.verificationRetentionDays * DAY_MS
  let attemptsMs = verificationsMs
  for (const sid of await listAccountSids(system.read)) {
    // What is not folded yet is kept until it is.
    attemptsMs = Math.min(attemptsMs, await foldAttempts(ctx, sid), await foldUsage(ctx, sid))
  }
  const inboxMs = now - ctx.config.inboxRetentionHours * HOUR_MS
  const logsMs = now - ctx.config.functionsLogRetentionDays * DAY_MS
  await prune(ctx.storage, placements, { verificationsMs, attemptsMs, inboxMs, logsMs })
  await pruneAlerts(ctx.storage, now - ALERT_DAYS * DAY_MS)
  await pruneServices(system, verificationsMs)
  await pruneDeliveries(system, now - CALLBACK_DAYS * DAY_MS)
  if ((await pruneParts(system, now - DAY_MS)) > 0)
    ctx.log.warn({}, 'parts of incoming messages dropped: the others never came')
  await purgeServices(ctx)
  if (round % ROUNDS_A_LOOK === 0) await pruneVersions(ctx)
}

/** One round of what somebody waits for: calls counted, and triggers that what was used has reached. */
export async function runUsage(ctx: Context): Promise<void> {
  await ctx.callCounts.flush()
  await evaluateTriggers(ctx)
}

/** One round of what is to be found in the database soon: log-ins, alerts and what functions said. */
export async function runRecords(ctx: Context): Promise<void> {
  await Promise.all([ctx.logins.flush(), ctx.alerts.flush(), ctx.functions.logs.flush()])
}

/** `round`: how many came before. */
const JOBS: readonly { everyMs: number; run: (ctx: Context, round: number) => Promise<unknown> }[] = [
  { everyMs: 60_000, run: runBackground },
  { everyMs: 10_000, run: runUsage },
  { everyMs: 1_000, run: runRecords },
  // Apart: what cannot be written keeps nothing else from being sealed.
  { everyMs: 1_000, run: (ctx) => sealAudit(ctx) },
]

/** Runs each job in its time until the returned function is called, which resolves when rounds under way have ended. */
export function startBackground(ctx: Context): () => Promise<void> {
  const stops = JOBS.map((job) => repeat(ctx, job))
  return async () => {
    await Promise.all(stops.map((stop) => stop()))
  }
}

function repeat(ctx: Context, { everyMs, run }: (typeof JOBS)[number]): () => Promise<void> {
  const complain = complainSparingly(ctx, 'background work failed; it will be tried again')
  let round: Promise<unknown> = Promise.resolve()
  let rounds = 0
  let stopped = false
  let cancel = () => {}
  const schedule = () => {
    cancel = ctx.clock.after(everyMs, () => {
      round = run(ctx, rounds++)
        .catch(complain)
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
