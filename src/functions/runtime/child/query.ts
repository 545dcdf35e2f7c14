/**
 * Query strings as Express reads them: `b=1&b=2` is a list, `c[x]=1` an object, `d[]=1` and `d[0]=1` lists. Values are
 * text.
 */
export type QueryValue = string | QueryValue[] | { [key: string]: QueryValue }

const MAX_PARAMETERS = 1_000
const MAX_DEPTH = 5
/** A larger index is a name. */
const MAX_INDEX = 20

/** A list or an object that is being read: which of them it is shows at its end. */
class Branch {
  readonly entries = new Map<string, Node>()
  isList = true

  /** The name under which a segment of a key is kept; an empty one is the next place of a list. */
  place(segment: string): string {
    const name = segment === '' && this.isList ? String(this.entries.size) : segment
    if (!/^(0|[1-9]\d?)$/.test(name) || Number(name) > MAX_INDEX) this.isList &&= segment === ''
    return name
  }
}

type Node = string | string[] | Branch

export function parseQuery(query: string): Record<string, QueryValue> {
  const root = new Branch()
  root.isList = false
  for (const part of query.split('&', MAX_PARAMETERS)) {
    if (part === '') continue
    // The sign after a bracket, where there is one: `a[b=c]=d`.
    const closed = part.indexOf(']=')
    const equals = closed < 0 ? part.indexOf('=') : closed + 1
    const key = decode(equals < 0 ? part : part.slice(0, equals))
    if (key !== '') insert(root, segmentsOf(key), equals < 0 ? '' : decode(part.slice(equals + 1)))
  }
  return toObject(root)
}

function insert(root: Branch, segments: readonly string[], value: string): void {
  let branch = root
  for (const [i, segment] of segments.entries()) {
    const name = branch.place(segment)
    const node = branch.entries.get(name)
    if (i === segments.length - 1) {
      branch.entries.set(name, typeof node === 'string' ? [node, value] : append(node, value))
      return
    }
    if (node instanceof Branch) branch = node
    else {
      const inner = new Branch()
      for (const earlier of node === undefined ? [] : [node].flat())
        inner.entries.set(inner.place(''), earlier)
      branch.entries.set(name, inner)
      branch = inner
    }
  }
}

function append(node: string[] | Branch | undefined, value: string): Node {
  if (node === undefined) return value
  if (Array.isArray(node)) return [...node, value]
  node.entries.set(node.place(''), value)
  return node
}

/** `a[b][]` → a, b and an empty one. What is deeper than the limit is one name. */
function segmentsOf(key: string): string[] {
  const first = key.search(/\[[^[\]]*\]/)
  if (first < 0) return [key]
  const segments = first > 0 ? [key.slice(0, first)] : []
  let rest = key.slice(first)
  for (let depth = 0; rest !== '' && depth < MAX_DEPTH; depth++) {
    const [whole, name = ''] = /^\[([^[\]]*)\]/.exec(rest) ?? []
    if (whole === undefined) break
    segments.push(name)
    rest = rest.slice(whole.length)
  }
  return rest === '' ? segments : rest.startsWith('[') ? [...segments, rest] : segments
}

function toObject(branch: Branch): Record<string, QueryValue> {
  const object: Record<string, QueryValue> = {}
  for (const [name, node] of branch.entries) if (name !== '__proto__') object[name] = toValue(node)
  return object
}

function toValue(node: Node): QueryValue {
  if (!(node instanceof Branch)) return node
  if (!node.isList) return toObject(node)
  return [...node.entries].sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => toValue(value))
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
