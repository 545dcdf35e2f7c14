import { listAccountSids } from '../accounts/accounts/store.ts'
import type { Context } from '../context.ts'
import { prune } from '../storage/retention.ts'
import { foldAttempts } from '../verify/attempts/summary.ts'
import { expireVerifications } from '../verify/verifications/expire.ts'

const EVERY_MS = 60_000
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** One round of what nothing waits for: expiry, folding, retention. Several nodes may do it at once. */
export async function runBackground(ctx: Context): Promise<void> {
  await expireVerifications(ctx)
  for (const sid of await listAccountSids(ctx.storage.system.read)) await foldAttempts(ctx, sid)
  const now = ctx.clock.now()
  await prune(ctx.storage, ctx.placements, {
    verificationsBeforeMs: now - ctx.config.verificationRetentionDays * DAY_MS,
    inboxBeforeMs: now - ctx.config.inboxRetentionHours * HOUR_MS,
  })
}

/** Runs it every minute until the returned function is called, which resolves when a round under way has ended. */
export function startBackground(ctx: Context): () => Promise<void> {
  let round: Promise<void> = Promise.resolve()
  let stopped = false
  let cancel = () => {}
  const schedule = () => {
    cancel = ctx.clock.after(EVERY_MS, () => {
      round = runBackground(ctx)
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
