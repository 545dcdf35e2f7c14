import { sidFloor } from './sid.ts'
import { type Access, type Clause, type Storage, sql, where } from './storage.ts'

/** So that no unit of work keeps others waiting. */
const BITE = 500

/**
 * Deletes what is older than the given times, in small bites along the primary keys: sids tell their age, so no index
 * on time is needed.
 */
export async function prune(
  { system }: Storage,
  placements: Iterable<number>,
  olderThan: { verificationsMs: number; attemptsMs: number; inboxMs: number; logsMs: number },
): Promise<void> {
  for (const placement of placements) {
    const before = (prefix: string, ms: number) => sidFloor(prefix, placement, ms)
    for (const [table, sid, end] of [
      [sql`verification`, sql`sid`, before('VE', olderThan.verificationsMs)],
      [sql`handover`, sql`attempt_sid`, before('VL', olderThan.attemptsMs)],
      [sql`attempt`, sql`sid`, before('VL', olderThan.attemptsMs)],
      [sql`message`, sql`sid`, before('SM', olderThan.attemptsMs)],
      [sql`inbox_message`, sql`sid`, before('IM', olderThan.inboxMs)],
      [sql`fn_log`, sql`sid`, before('NO', olderThan.logsMs)],
    ] as const) {
      await pruneTable(system, table, end, { sid, placement })
    }
  }
  await inBites(async () => {
    const rows = await system.read.all<{ placement: number; provider: string; message_id: string }>`
      select placement, provider, message_id from receipt_key where created_at < ${olderThan.attemptsMs}
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

/** Deletes the rows of a table, of one placement where it has them, whose sids come before `end`: in bites as above. */
export function pruneTable(
  { read, write }: Access,
  table: Clause,
  end: string,
  { sid = sql`sid`, placement }: { sid?: Clause; placement?: number } = {},
): Promise<void> {
  const placed = placement === undefined ? undefined : sql`placement = ${placement}`
  return inBites(async () => {
    const rows = await read.all<{ sid: string }>`
      select ${sid} as sid from ${table} ${where([placed, sql`${sid} < ${end}`])} order by ${sid} limit ${BITE}`
    const last = rows.at(-1)?.sid
    if (last === undefined) return 0
    // A range with two ends: of one that is open below PostgreSQL expects a third of the table.
    const range = where([placed, sql`${sid} > ${''}`, sql`${sid} <= ${last}`])
    return write((tx) => tx.run`delete from ${table} ${range}`)
  })
}

/** Has something done again and again, until it resolves to 0: nothing was left. */
export async function inBites(bite: () => Promise<number>): Promise<void> {
  while ((await bite()) > 0);
}
