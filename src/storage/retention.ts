import { sidFloor } from './sid.ts'
import type { Storage } from './storage.ts'

/** So that no unit of work keeps others waiting. */
const BITE = 500

/**
 * Deletes what is older than the given times, in small bites along the primary keys: sids tell their age, so no index
 * on time is needed.
 */
export async function prune(
  { system }: Storage,
  placements: number,
  { verificationsBeforeMs, inboxBeforeMs }: { verificationsBeforeMs: number; inboxBeforeMs: number },
): Promise<void> {
  for (let placement = 0; placement < placements; placement++) {
    const before = (prefix: string, ms: number) => sidFloor(prefix, placement, ms)
    const verification = before('VE', verificationsBeforeMs)
    const attempt = before('VL', verificationsBeforeMs)
    const message = before('IM', inboxBeforeMs)
    await inBites(() =>
      system.write(
        (tx) => tx.run`delete from verification where placement = ${placement} and sid in (select sid
          from verification where placement = ${placement} and sid < ${verification} order by sid limit ${BITE})`,
      ),
    )
    await inBites(() =>
      system.write(
        (
          tx,
        ) => tx.run`delete from handover where placement = ${placement} and attempt_sid in (select attempt_sid
          from handover where placement = ${placement} and attempt_sid < ${attempt} order by attempt_sid limit ${BITE})`,
      ),
    )
    await inBites(() =>
      system.write(
        (tx) => tx.run`delete from attempt where placement = ${placement} and sid in (select sid
          from attempt where placement = ${placement} and sid < ${attempt} order by sid limit ${BITE})`,
      ),
    )
    await inBites(() =>
      system.write(
        (tx) => tx.run`delete from inbox_message where placement = ${placement} and sid in (select sid
          from inbox_message where placement = ${placement} and sid < ${message} order by sid limit ${BITE})`,
      ),
    )
  }
  await inBites(async () => {
    const rows = await system.read.all<{ placement: number; provider: string; message_id: string }>`
      select placement, provider, message_id from receipt_key where created_at < ${verificationsBeforeMs}
      order by created_at limit ${BITE}`
    return system.write(async (tx) => {
      for (const { placement, provider, message_id } of rows) {
        await tx.run`delete from receipt_key
          where placement = ${placement} and provider = ${provider} and message_id = ${message_id}`
      }
      return rows.length
    })
  })
}

async function inBites(bite: () => Promise<number>): Promise<void> {
  while ((await bite()) >= BITE);
}
