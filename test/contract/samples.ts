/** Compares answers with the recorded ones of the description, whose schemas leave nested objects open. */
import type { Sample } from './description.ts'

/** What is null here although the recorded answers have a value. */
const ALSO_NULL = new Set([
  'tts_name', // unless one was given
  'default_template_sid', // templates are not built yet
  'channel_data.error_code', // where nothing failed
  'channel_data.country', // an e-mail address has none
  'validation_code', // the phone is told the code, in place of being asked for it
  'count', // of usage that is money
  'date_fired', // of a trigger that has not
  // Only a lookup at the carrier knows these.
  'channel_data.mcc',
  'channel_data.mnc',
  'channel_data.carrier',
  'lookup.carrier.mobile_country_code',
  'lookup.carrier.mobile_network_code',
  'lookup.carrier.name',
  'lookup.carrier.type',
  // Where nothing is deployed, or was; an environment need have no suffix, nor a line of a log a function.
  'build_sid',
  'deployment_sid',
  'domain_suffix',
  'function_sid',
  // Of numbers: there are neither trunks nor addresses nor bundles of documents.
  'address_sid',
  'bundle_sid',
  'emergency_address_sid',
  'identity_sid',
  'messaging_service_sid', // there are none
  // Of events by nobody, such as a refused log-in, or by the server itself.
  'actor_sid',
  'resource_sid',
  'source_ip_address',
  'links.actor',
  'links.resource',
  // Of alerts that no single request is about.
  'api_version',
  'request_method',
  'request_url',
  'service_sid',
  // May hold codes and recipients: not kept.
  'request_variables',
  'request_headers',
  'response_body',
  'response_headers',
])

/** Whose sids are whoever's: the samples show one kind of many. */
const OF_ANY_KIND = new Set(['actor_sid', 'resource_sid', 'service_sid'])

/** Addresses by name: a resource has those of what is built below it. */
const ADDRESSES = new Set(['subresource_uris'])

/** What changed: the names are those of the resource. */
const OPEN = new Set(['event_data'])

/** `Thu, 30 Jul 2015 20:00:00 +0000` */
export const RFC_2822 = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000$/

/**
 * What differs between a value and the samples of it, a line each: an object has the keys of one of them, a value is
 * of the kind that one of them is, and null where one of them is.
 */
export function compareWithSamples(value: unknown, samples: readonly unknown[], path = ''): string[] {
  const kinds = samples.map(kindOf)
  const kind = kindOf(value)
  if (OPEN.has(path)) return []
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
  if (kind.startsWith('sid') && OF_ANY_KIND.has(path)) return []
  const fits = kinds.includes(kind) || (typeof value === 'string' && kinds.includes('text'))
  return fits ? [] : [`${path} is of the kind ${kind}, not ${[...new Set(kinds)].join(' or ')}`]
}

function compareObjects(value: Sample, samples: readonly Sample[], path: string): string[] {
  if (ADDRESSES.has(path)) return compareAddresses(value, samples, path)
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

/** Each has the name of a recorded one and is of its kind. */
const compareAddresses = (value: Sample, samples: readonly Sample[], path: string) =>
  Object.entries(value).flatMap(([name, address]) => {
    const recorded = samples.flatMap((sample) => (name in sample ? [sample[name]] : []))
    if (recorded.length === 0) return [`${path} has an undocumented ${name}`]
    return compareWithSamples(address, recorded, `${path}.${name}`)
  })

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value !== 'string') return typeof value
  if (/^[A-Z]{2}[0-9a-f]{32}$/.test(value)) return `sid ${value.slice(0, 2)}`
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return 'date'
  if (RFC_2822.test(value)) return 'date of RFC 2822'
  return /^https?:/.test(value) && URL.canParse(value) ? 'address' : 'text'
}
