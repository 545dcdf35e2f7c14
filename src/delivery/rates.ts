import { readFile } from 'node:fs/promises'
import { ConfigError, explainFile, quote } from '../config-values.ts'
import { CHANNELS, type Channel } from './provider.ts'

/** What messages cost, by channel and destination. */
export interface Rates {
  /** ISO 4217 in lower case, as the API writes it. */
  currency: string
  /** Of one message, or of one segment of it, in millionths of the currency; 0 where no rate fits. */
  price(channel: Channel, recipient: string): number
}

export const NO_RATES: Rates = { currency: 'usd', price: () => 0 }

const HEADER = 'channel,prefix,price,currency'
/** `+` and at most 15 digits: E.164. */
const PREFIX = /^\+?(\d{0,15})$/

/** Reads the rate table at `path`; without one nothing costs anything. Throws ConfigError, which names file and line. */
export async function readRates(path: string | undefined): Promise<Rates> {
  if (path === undefined) return NO_RATES
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(
      `COUNTERSIGN_RATES names ${quote(path)}, which cannot be read: ${explainFile(error)}`,
    )
  })
  return parseRates(text, path)
}

/** Reads CSV: a line of names, then `sms,+49,0.075,eur`. `file` is what errors call it. Throws ConfigError. */
export function parseRates(text: string, file: string): Rates {
  const prices = new Map<string, number>()
  let currency: string | undefined
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const refuse = (reason: string) => new ConfigError(`${quote(file)}, line ${index + 1}: ${reason}`)
    if (index === 0) {
      if (line.trim().toLowerCase() !== HEADER) throw refuse(`must be ${HEADER}`)
      continue
    }
    if (line.trim() === '' || line.startsWith('#')) continue
    const fields = line.split(',').map((field) => field.trim())
    const [channel = '', prefix = '', price = '', money = ''] = fields
    if (fields.length !== 4) throw refuse(`has ${fields.length} fields: must be ${HEADER}`)
    if (!(CHANNELS as readonly string[]).includes(channel))
      throw refuse(`channel is ${quote(channel)}: must be one of ${CHANNELS.join(', ')}`)
    const digits = PREFIX.exec(prefix)?.[1]
    if (digits === undefined) throw refuse(`prefix is ${quote(prefix)}: must be digits, like +49, or nothing`)
    if (channel === 'email' && digits !== '') throw refuse('an e-mail address has no prefix: leave it empty')
    const micros = toMicros(price)
    if (micros === undefined)
      throw refuse(`price is ${quote(price)}: must be a number with at most six decimals, like 0.075`)
    if (!/^[a-z]{3}$/i.test(money))
      throw refuse(`currency is ${quote(money)}: must be three letters, like usd`)
    currency ??= money.toLowerCase()
    // Sums over all destinations are one amount of money.
    if (currency !== money.toLowerCase())
      throw refuse(`currency is ${quote(money)}, above it was ${currency}`)
    const key = `${channel}+${digits}`
    if (prices.has(key)) throw refuse(`${channel} to ${quote(prefix)} has a price above already`)
    prices.set(key, micros)
  }
  return { currency: currency ?? NO_RATES.currency, price: (...to) => findPrice(prices, ...to) }
}

/** The longest prefix wins. */
function findPrice(prices: ReadonlyMap<string, number>, channel: Channel, recipient: string): number {
  const digits = channel === 'email' ? '' : recipient.slice(1)
  for (let length = digits.length; length >= 0; length--) {
    const price = prices.get(`${channel}+${digits.slice(0, length)}`)
    if (price !== undefined) return price
  }
  return 0
}

/** `'0.075'` → 75000. Undefined for what is no amount that is exact in millionths. */
export function toMicros(text: string): number | undefined {
  const [, whole, decimals = ''] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? []
  return whole === undefined ? undefined : Number(whole) * 1_000_000 + Number(decimals.padEnd(6, '0'))
}

/** 75000 → `'0.075'`. */
export function fromMicros(micros: number): string {
  const decimals = String(micros % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `${Math.floor(micros / 1_000_000)}${decimals && `.${decimals}`}`
}
