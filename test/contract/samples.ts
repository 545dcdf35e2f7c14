/** Compares answers with the recorded ones of the description, whose schemas leave nested objects open. */
import type { Sample } from './description.ts'

/** What is null here although the recorded answers have a value. */
const ALSO_NULL = new Set([
  'tts_name', // unless one was given
  'default_template_sid', // templates are not built yet
  'channel_data.error_code', // where nothing failed
  'channel_data.country', // an e-mail address has none
  // Only a lookup at the carrier knows these.
  'channel_data.mcc',
  'channel_data.mnc',
  'channel_data.carrier',
  'lookup.carrier.mobile_country_code',
  'lookup.carrier.mobile_network_code',
  'lookup.carrier.name',
  'lookup.carrier.type',
])

/**
 * What differs between a value and the samples of it, a line each: an object has the keys of one of them, a value is
 * of the kind that one of them is, and null where one of them is.
 */
export function compareWithSamples(value: unknown, samples: readonly unknown[], path = ''): string[] {
  const kinds = samples.map(kindOf)
  const kind = kindOf(value)
  if (kind === 'null') return kinds.includes('null') || ALSO_NULL.has(path) ? [] : [`${path} is null`]
  // Null tells nothing of what else may stand there.
  const known = samples.filter((sample) => sample !== null)
  if (known.length === 0) return []
  if (kind === 'array' && kinds.includes('array')) {
    const items = known.filter(Array.isArray).flat()
    return (value as unknown[]).flatMap((item) => compareWithSamples(item, items, `${path}[]`))
  }
  if (kind === 'object' && kinds.includes('object')) {
    return compareObjects(
      value as Sample,
      known.filter((sample) => kindOf(sample) === 'object') as Sample[],
      path,
    )
  }
  const fits = kinds.includes(kind) || (typeof value === 'string' && kinds.includes('text'))
  return fits ? [] : [`${path} is of the kind ${kind}, not ${[...new Set(kinds)].join(' or ')}`]
}

function compareObjects(value: Sample, samples: readonly Sample[], path: string): string[] {
  const keys = Object.keys(value).sort().join()
  const alike = samples.filter((sample) => Object.keys(sample).sort().join() === keys)
  if (alike.length === 0) return [`${path || 'the body'} has the keys ${keys}, which no sample has`]
  return Object.entries(value).flatMap(([key, part]) =>
    compareWithSamples(
      part,
      alike.map((sample) => sample[key]),
      path === '' ? key : `${path}.${key}`,
    ),
  )
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value !== 'string') return typeof value
  if (/^[A-Z]{2}[0-9a-f]{32}$/.test(value)) return `sid ${value.slice(0, 2)}`
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return 'date'
  return /^https?:/.test(value) && URL.canParse(value) ? 'address' : 'text'
}
