type HeaderValue = string | number | (string | number)[]

const SET_COOKIE = 'Set-Cookie'

/** What functions know as `Twilio.Response`. */
export class TwilioResponse {
  statusCode: number
  body: unknown
  headers: Record<string, HeaderValue> = { [SET_COOKIE]: [] }

  constructor(init: { statusCode?: number; body?: unknown; headers?: object } = {}) {
    this.statusCode = init?.statusCode ?? 200
    this.body = init?.body ?? null
    this.setHeaders(init?.headers)
  }

  setStatusCode(statusCode: number): this {
    this.statusCode = statusCode
    return this
  }

  setBody(body: unknown): this {
    this.body = body
    return this
  }

  /** In the place of all that there are. */
  setHeaders(headers: unknown): this {
    if (typeof headers !== 'object' || headers === null) return this
    this.headers = { [SET_COOKIE]: [] }
    for (const [name, value] of Object.entries(headers)) this.appendHeader(name, value)
    return this
  }

  /** Beside one of the same name. */
  appendHeader(name: string, value: HeaderValue): this {
    if (typeof value === 'object' && !Array.isArray(value))
      throw new Error('Header value cannot be an object')
    const key = name.toLowerCase() === 'set-cookie' ? SET_COOKIE : name
    const present = this.headers[key]
    this.headers[key] = present === undefined ? value : [present, value].flat()
    return this
  }

  setCookie(name: string, value: string, attributes: readonly string[] = []): this {
    return this.appendHeader(SET_COOKIE, [`${name}=${value}`, ...attributes].join(';'))
  }

  /** Drops those set before, and asks the browser to forget it. */
  removeCookie(name: string): this {
    const kept = [this.headers[SET_COOKIE] ?? []]
      .flat()
      .filter((cookie) => !`${cookie}`.startsWith(`${name}=`))
    this.headers[SET_COOKIE] = kept
    return this.appendHeader(SET_COOKIE, `${name}=;Max-Age=0`)
  }
}
