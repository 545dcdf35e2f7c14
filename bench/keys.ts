/** API keys that the benchmark puts into the database, with one secret for all of them. */
export const KEYS = 10_000
export const SECRET = '5'.repeat(32)

/** The scheme that bench/with-switch.ts lets in unchecked; as long as the real one, so that both cost the same to read. */
export const UNCHECKED = 'Bench'

/** Headers with each key in turn. */
export function inTurn(scheme: 'Basic' | typeof UNCHECKED): () => string {
  const headers = Array.from({ length: KEYS }, (_, i) => {
    const sid = `SK${(i + 1).toString(16).padStart(32, '0')}`
    return `${scheme} ${Buffer.from(`${sid}:${SECRET}`).toString('base64')}`
  })
  let n = 0
  return () => headers[n++ % KEYS] as string
}
