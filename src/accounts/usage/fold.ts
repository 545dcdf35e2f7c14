import type { Context } from '../../context.ts'
import { moveProgress, readProgress } from '../../storage/progress.ts'
import { LONGEST_CODE_LIFE_MS } from '../../verify/attempts/attempt.ts'
import { addUsage, FOLD_JOB, findFirstUnsettledMs, sumSent } from './store.ts'

/** Later no attempt appears: a commit is slower than its clock, and clocks differ, but not by so much. */
const MARGIN_MS = 60_000

/**
 * Adds an account's attempts and messages to its days, up to the first that is still to be sent. Several nodes may do it at once:
 * who moves the progress on has counted. Resolves to the time up to which nothing is left to be added.
 */
export async function foldUsage({ storage, clock }: Context, accountSid: string): Promise<number> {
  const { system } = storage
  const reached = await readProgress(system.read, FOLD_JOB, accountSid)
  const fromMs = Number(reached ?? 0)
  const settledMs = clock.now() - MARGIN_MS
  const sentMs = Math.max(fromMs, settledMs - LONGEST_CODE_LIFE_MS)
  const toMs = (await findFirstUnsettledMs(system.scan, accountSid, sentMs, settledMs)) ?? settledMs
  const sums = await sumSent(system.scan, accountSid, fromMs, toMs)
  if (sums.length === 0) return toMs
  const isFirst = await system.write(async (tx) => {
    if (!(await moveProgress(tx, FOLD_JOB, accountSid, reached, String(toMs)))) return false
    for (const used of sums) await addUsage(tx, { ...used, accountSid })
    return true
  })
  return isFirst ? toMs : fromMs
}
