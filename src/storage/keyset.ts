import { type Clause, sql } from './storage.ts'

/** A place in a list that is ordered by (created_at, sid). */
export interface Cursor {
  /** `after`: older rows follow, as lists are newest first. `before`: newer ones, read in reverse. */
  direction: 'after' | 'before'
  createdAtMs: number
  sid: string
}

/** What a store reads for a page: `limit` rows on from the cursor, in the cursor's direction. */
export interface PageRequest {
  cursor: Cursor | undefined
  limit: number
}

/** The condition and the order that read a page; no row is skipped or shown twice while others come and go. */
export function keyset({ cursor }: PageRequest): { edge: Clause | undefined; order: Clause } {
  if (cursor?.direction === 'before') {
    const edge = sql`(created_at, sid) > (${cursor.createdAtMs}, ${cursor.sid})`
    return { edge, order: sql`order by created_at, sid` }
  }
  const edge = cursor && sql`(created_at, sid) < (${cursor.createdAtMs}, ${cursor.sid})`
  return { edge, order: sql`order by created_at desc, sid desc` }
}
