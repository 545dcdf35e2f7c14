import type { Context } from '../../context.ts'
import { moveProgress, readProgress } from '../../storage/progress.ts'
import { addUsage, FOLD_JOB, findFirstUnsettledMs, sumAttempts } from './store.ts'

/** Later no attempt appears: a commit is slower than its clock, and clocks differ, but not by so much. */
const MARGIN_MS = 60_000

/**
 * Adds an account's attempts to its days, up to the first that is still to be sent. Several nodes may do it at once:
 * who moves the progress on has counted.
 */
export async function foldUsage({ storage, clock }: Context, accountSid: string): Promise<void> {
  const { system } = storage
  const reached = await readProgress(system.read, FOLD_JOB, accountSid)
  const fromMs = Number(reached ?? 0)
  const settledMs = clock.now() - MARGIN_MS
  const toMs = (await findFirstUnsettledMs(system.scan, accountSid, fromMs, settledMs)) ?? settledMs
  const sums = await sumAttempts(system.scan, accountSid, fromMs, toMs)
  if (sums.length === 0) return
  await system.write(async (tx) => {
    if (!(await moveProgress(tx, FOLD_JOB, accountSid, reached, String(toMs)))) return
    for (const used of sums) await addUsage(tx, { ...used, accountSid })
  })
}
