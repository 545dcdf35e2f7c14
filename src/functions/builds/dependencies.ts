import { fail } from '../../http/errors.ts'
import { checkLimit } from '../limits.ts'

/** As in a `package.json`: a name and a range of versions. */
export interface Dependency {
  name: string
  version: string
}

/** In every build, as on the real platform; these versions where the build does not name its own. */
const ALWAYS: readonly Dependency[] = [
  { name: 'twilio', version: '^5.0.0' },
  { name: '@twilio/runtime-handler', version: '2.1.0' },
]

/** Of npm. */
const MAX_NAME = 214
const MAX_VERSION = 256

/**
 * Reads a JSON array of names and versions; what is in every build is added. The official tools put a pair of quotes
 * around it (reference §B). Throws 60200, 20001 for too many.
 */
export function parseDependencies(text: string | undefined): Dependency[] {
  const given = readArray((text ?? '').trim().replace(/^"|"$/g, '') || '[]').map(toDependency)
  const names = new Set(given.map(({ name }) => name))
  if (names.size < given.length) throw invalid()
  const all = [...given, ...ALWAYS.filter(({ name }) => !names.has(name))]
  checkLimit('dependencies', all.length)
  return all
}

function readArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return value
  } catch {}
  throw invalid()
}

function toDependency(given: unknown): Dependency {
  const { name, version } = (given ?? {}) as Partial<Record<string, unknown>>
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME) throw invalid()
  if (typeof version !== 'string' || version.length > MAX_VERSION) throw invalid()
  return { name, version: version.trim() || '*' }
}

const invalid = () => fail.invalidParameter('Dependencies')
