/** How the caller reached us: SDKs follow `meta.next_page_url` blindly, so addresses belong to the request. */
export interface Urls {
  /** Scheme and authority, without a slash at the end. */
  base: string
}

/** The domains whose hosts Countersign answers for under `countersign exec`. */
export const TWILIO_DOMAINS = ['twilio.com', 'twil.io']

/** Whether a host name, in lower case and without port, is one of Twilio's. */
export function isTwilioHost(host: string): boolean {
  return TWILIO_DOMAINS.some((domain) => host === domain || host.endsWith(`.${domain}`))
}

/** A Twilio host → that host; else the configured public address; else what the request itself says. */
export function urlsOf(host: string, secure: boolean, publicUrl: string | undefined): Urls {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  if (isTwilioHost(name)) return { base: `https://${name}` }
  return { base: publicUrl ?? `${secure ? 'https' : 'http'}://${host}` }
}

/** The product a request is for: a Twilio host has only its own paths, on any other host the path decides. */
export function productOf(host: string): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  return isTwilioHost(name) ? name.slice(0, name.indexOf('.')) : undefined
}

/** The addresses of another product, as whoever sees these would reach it. */
export function urlsOfProduct(urls: Urls, product: string): Urls {
  const { hostname } = new URL(urls.base)
  return isTwilioHost(hostname)
    ? { base: `https://${product}.${hostname.slice(hostname.indexOf('.') + 1)}` }
    : urls
}
