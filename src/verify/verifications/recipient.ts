import type { CountryCode } from 'libphonenumber-js/max'
import { BoundedMap } from '../../bounded-map.ts'
import { parseAddress } from '../../delivery/channels/address.ts'
import type { Channel } from '../../delivery/provider.ts'

export type LineType = 'mobile' | 'landline' | 'voip'

/** Whom a code is sent to. */
export interface Recipient {
  /** As the representation shows it: E.164, or the address as typed with its domain normalised. */
  to: string
  /** The same for all spellings of one recipient. */
  key: string
  country: CountryCode | undefined
  lineType: LineType | undefined
}

let phone: Promise<typeof import('libphonenumber-js/max')> | undefined

/** The numbering plans take 34 ms to load, so they come after the first answer rather than before it. */
export const loadNumberingPlans = () => {
  phone ??= import('libphonenumber-js/max')
  return phone
}

const LINE_TYPES: Record<string, LineType> = {
  MOBILE: 'mobile',
  FIXED_LINE_OR_MOBILE: 'mobile',
  FIXED_LINE: 'landline',
  VOIP: 'voip',
}

/**
 * The numbers that came last: a start is followed by its check, and the plans take as long as all else a check does.
 * Of the process, as the plans are: what a number means depends on no installation.
 */
const kept = new BoundedMap<string, Recipient>(30_000)

/** Undefined for what is not a valid number in E.164 form (spaces, dots, dashes and parentheses aside). */
export async function parsePhone(to: string): Promise<Recipient | undefined> {
  // One space before the digits was a plus that the client did not encode.
  const compact = to.replace(/^ (?=\d)/, '+').replace(/[ ().-]/g, '')
  const known = kept.get(compact)
  if (known) return known
  if (!/^\+[1-9]\d{6,14}$/.test(compact)) return undefined
  const { parsePhoneNumberFromString } = await loadNumberingPlans()
  const number = parsePhoneNumberFromString(compact)
  // Which numbers are valid is told by type, so that one look is enough.
  const type = number?.getType()
  if (!number || !type) return undefined
  const recipient: Recipient = {
    to: number.number,
    key: number.number,
    country: number.country,
    lineType: LINE_TYPES[type],
  }
  kept.set(compact, recipient)
  return recipient
}

export async function parseRecipient(to: string, channel: Channel): Promise<Recipient | undefined> {
  if (channel !== 'email') return parsePhone(to)
  const address = parseAddress(to)
  return address && { to: address.address, key: address.slot, country: undefined, lineType: undefined }
}

/** The same for a request that names a recipient but no channel. */
export const parseAnyRecipient = (to: string) => parseRecipient(to, to.includes('@') ? 'email' : 'sms')
