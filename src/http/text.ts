/** Deeper than any parameter's JSON is meant to be. */
const MAX_DEPTH = 20

/**
 * Whether the databases take all text of a value: no NUL, which PostgreSQL refuses, and no half of a pair of UTF-16.
 * What is nested too deeply to be looked through is not taken either.
 */
export function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (depth === MAX_DEPTH) return false
  return Object.entries(value).every(([name, part]) => isStorable(name) && isStorable(part, depth + 1))
}
