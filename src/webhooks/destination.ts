import { isIP } from 'node:net'
import type { AddressPolicy } from './address.ts'

/**
 * The address of a callback as it will be called, or undefined where it may not be: other schemes than http and https,
 * credentials, ports below 1024 but for 80 and 443, and literal addresses that the policy refuses. A name is looked up
 * only when it is called.
 */
export function parseDestination(text: string, policy: AddressPolicy): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  url.hash = ''
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  if (url.username !== '' || url.password !== '') return undefined
  // The parser has made one form of all ways to write an address: decimal, octal, short, in full-width digits.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !policy.allows(host)) return undefined
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return port >= 1024 || port === 80 || port === 443 ? url : undefined
}
