import type { Context } from '../../context.ts'
import { readProgress, writeProgress } from '../../storage/progress.ts'
import { sidFloor } from '../../storage/sid.ts'
import { expireBetween, findBiteEnd, isAnyOpenBetween } from './store.ts'

const JOB = 'expire verifications'

/**
 * Writes down which verifications have expired and erases their codes, walking the primary key in small bites from
 * where the last walk ended. Nothing waits for this: a start replaces an expired verification itself.
 */
export async function expireVerifications(
  { storage, clock, config }: Context,
  placements: Iterable<number>,
): Promise<void> {
  const { system } = storage
  for (const placement of placements) {
    const part = String(placement)
    const end = sidFloor('VE', placement, clock.now() - config.codeTtlSeconds * 1000)
    let from = (await readProgress(system.read, JOB, part)) ?? ''
    for (;;) {
      const to = await findBiteEnd(system.read, placement, from, end)
      if (to === undefined) break
      const isDone = await system.write(async (tx) => {
        await expireBetween(tx, placement, from, to, clock.now())
        // Started under a longer life than is configured now: the next walk comes by here again.
        if (await isAnyOpenBetween(tx, placement, from, to)) return false
        await writeProgress(tx, JOB, part, to)
        return true
      })
      if (!isDone) break
      from = to
    }
  }
}
