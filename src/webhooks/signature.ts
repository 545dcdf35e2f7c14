import { createHmac } from 'node:crypto'

/** Parameters of a form, by name. */
export type Parameters = Readonly<Record<string, string>>

/**
 * `X-Twilio-Signature`: HMAC-SHA1, by the account's auth token, of the whole address and of names and values in the
 * order of the names (reference verify-api.md §7.2). For a GET the parameters are in the address already.
 */
export function signCallback(authToken: string, url: URL, parameters: Parameters): string {
  const names = Object.keys(parameters).sort()
  const signed = url.href + names.map((name) => name + parameters[name]).join('')
  return createHmac('sha1', authToken).update(signed, 'utf8').digest('base64')
}
