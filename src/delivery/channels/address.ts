import { domainToASCII } from 'node:url'

export interface Address {
  /** To send to: the local part as it was typed, the domain as lower-case A-labels. */
  address: string
  /** Equal for two spellings of what is taken to be one mailbox. */
  slot: string
}

// The dot-atom of RFC 5322, with letters of any script (RFC 6531). It has no quotes, comments, separators or
// control characters, which is what turns one address into two in some mail server on the way.
const LOCAL_PART = /^[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+)*$/u

// domainToASCII cuts "example.com/path" and decodes "%61", so what it is given is looked at first.
const TYPED_DOMAIN = /^[\p{L}\p{N}\p{M}.。．｡-]+$/u

// At least one dot: a mail server completes a name without one by its own rules, to a host we do not know.
// The last label is not a number, so this is no IPv4 address either.
const ASCII_DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/

const MAX_LOCAL_OCTETS = 64
const MAX_OCTETS = 254

/** Reads exactly one mailbox, without a display name. Undefined for everything that is not one. */
export function parseAddress(input: string): Address | undefined {
  if (input.length > MAX_OCTETS) return undefined
  const at = input.lastIndexOf('@')
  const local = input.slice(0, Math.max(at, 0)).normalize('NFC')
  const typed = input.slice(at + 1)
  if (!LOCAL_PART.test(local) || Buffer.byteLength(local) > MAX_LOCAL_OCTETS) return undefined
  if (!TYPED_DOMAIN.test(typed)) return undefined
  const domain = domainToASCII(typed)
  if (!ASCII_DOMAIN.test(domain)) return undefined
  const address = `${local}@${domain}`
  if (Buffer.byteLength(address) > MAX_OCTETS) return undefined
  return { address, slot: `${local.toLowerCase()}@${domain}` }
}
