import type { Log } from './log.ts'

/** Ends one thing that was opened. */
export type Closer = () => unknown

/**
 * Closes group after group, those of one group at once. Never rejects: what fails is logged, and keeps nothing else
 * open.
 */
export async function closeInTurn(log: Log, groups: readonly (readonly Closer[])[]): Promise<void> {
  for (const group of groups) {
    const ends = await Promise.allSettled(group.map(async (close) => close()))
    for (const end of ends) {
      if (end.status === 'rejected')
        log.error({ err: end.reason }, 'closing failed; the rest is closed all the same')
    }
  }
}
