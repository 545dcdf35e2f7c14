const HOP_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'upgrade',
])

/** Flat name-value list without what is meant for this connection only (RFC 9110 §7.6.1). */
export function endToEnd(raw: readonly string[]): string[] {
  const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? '']] : []))
  const named = (name = '', value = '') =>
    name.toLowerCase() === 'connection' ? value.toLowerCase().split(/\s*,\s*/) : []
  const dropped = HOP_HEADERS.union(new Set(pairs.flatMap(([name, value]) => named(name, value))))
  return pairs.filter(([name = '']) => !dropped.has(name.toLowerCase())).flat()
}
