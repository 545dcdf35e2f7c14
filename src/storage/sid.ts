import type { Random } from '../clock.ts'

/**
 * Two letters, 3 hex digits of placement, 11 of the milliseconds of creation, 18 random: new rows go to the end of
 * an index, a sid tells its age, and a request that names one knows its placement without a look-up.
 */
export function newSid(prefix: string, placement: number, createdAtMs: number, random: Random): string {
  return sidFloor(prefix, placement, createdAtMs) + random.bytes(9).toString('hex')
}

/** The part that sids of this placement and age begin with; it sorts before all of them. */
export function sidFloor(prefix: string, placement: number, createdAtMs: number): string {
  return prefix + placement.toString(16).padStart(3, '0') + createdAtMs.toString(16).padStart(11, '0')
}

export const sidPlacement = (sid: string) => Number.parseInt(sid.slice(2, 5), 16)

/** When the row of a sid was created. */
export const sidCreatedAtMs = (sid: string) => Number.parseInt(sid.slice(5, 16), 16)

/** Sids are written in lower case, whatever case they are asked for in. What is no sid stays as it is. */
export const canonicalSid = (text: string) =>
  /^[A-Z]{2}[0-9a-fA-F]{32}$/.test(text) ? text.slice(0, 2) + text.slice(2).toLowerCase() : text

/** What is no sid is in no table, and need not be looked for: PostgreSQL would refuse a NUL. */
export const isSid = (text: string) => /^[A-Z]{2}[0-9a-f]{32}$/.test(text)
