import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface SignedRequest {
  /** The whole address, exactly as the caller used it. */
  url: string
  /** Of `X-Twilio-Signature`. */
  signature: string | undefined
  contentType: string | undefined
  body: Uint8Array
}

/**
 * Whether a request bears a signature by one of the tokens: over its address and the parameters of its form, or over an
 * address that holds the hash of its body. Any other body is not covered by a signature, so it has none (reference
 * functions.md §E).
 */
export function isSigned(tokens: readonly string[], request: SignedRequest): boolean {
  const { url, signature = '', contentType = '', body } = request
  if (!URL.canParse(url)) return false
  const bodyHash = new URL(url).searchParams.get('bodySHA256')
  const isForm = /^application\/x-www-form-urlencoded *(;|$)/i.test(contentType)
  const isCovered =
    bodyHash === null
      ? isForm || body.length === 0
      : bodyHash.toLowerCase() === createHash('sha256').update(body).digest('hex')
  if (!isCovered) return false
  const parameters = bodyHash === null && isForm ? flatten(Buffer.from(body).toString('utf8')) : ''
  const given = Buffer.from(signature)
  return tokens
    .flatMap((token) => formsOf(url).map((form) => sign(token, form + parameters)))
    .some((right) => right.length === given.length && timingSafeEqual(right, given))
}

const sign = (token: string, text: string) =>
  Buffer.from(createHmac('sha1', token).update(text, 'utf8').digest('base64'))

/** Names and values without anything between, in the order of the names; of one name each value once. */
function flatten(form: string): string {
  const parameters = new URLSearchParams(form)
  return [...new Set(parameters.keys())]
    .sort()
    .flatMap((name) => [...new Set(parameters.getAll(name))].sort().map((value) => name + value))
    .join('')
}

/** Who signs may have added the port or dropped it. */
function formsOf(url: string): string[] {
  const [, scheme = '', host = '', rest = ''] = /^(https?):\/\/([^/?#:]+)(?::\d+)?(.*)$/is.exec(url) ?? []
  const port = scheme === 'https' ? 443 : 80
  return [...new Set([url, `${scheme}://${host}${rest}`, `${scheme}://${host}:${port}${rest}`])]
}
