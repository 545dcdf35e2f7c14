import { CHANNELS, type Channel } from '../../delivery/provider.ts'
import { fromMicros } from '../../delivery/rates.ts'

/** What is counted, a day: messages of a channel, calls of the API. */
export type Meter = Channel | 'api'

/** How much of a meter, or of several, was used. */
export interface Amount {
  count: number
  priceMicros: number
}

export interface Category {
  name: string
  description: string
  meters: readonly Meter[]
  countUnit: string
  /** Measured in money, not in pieces. */
  isMoney?: true
}

const messages = (name: string, description: string, ...meters: Meter[]): Category => ({
  name,
  description,
  meters,
  countUnit: meters.includes('call') ? 'calls' : 'messages',
})

/**
 * By the names of the real API where it has one. It has none for e-mails and requests; and it tells inbound and outbound
 * apart, of which there is only the latter here.
 */
export const CATEGORIES: readonly Category[] = [
  { name: 'api-requests', description: 'API Requests', meters: ['api'], countUnit: 'requests' },
  messages('calls', 'Voice Minutes', 'call'),
  messages('calls-outbound', 'Outbound Voice Minutes', 'call'),
  messages('sms', 'SMS', 'sms'),
  messages('sms-outbound', 'Outbound SMS', 'sms'),
  {
    name: 'totalprice',
    description: 'Total Price',
    meters: [...CHANNELS, 'api'],
    countUnit: '',
    isMoney: true,
  },
  messages('verify-email', 'Verify Email', 'email'),
  messages('verify-whatsapp-conversations-business-initiated', 'Verify WhatsApp', 'whatsapp'),
]

export const findCategory = (name: string) => CATEGORIES.find((category) => category.name === name)

export const NOTHING: Amount = { count: 0, priceMicros: 0 }

export const sum = (amounts: readonly Amount[]): Amount =>
  amounts.reduce(
    (total, { count, priceMicros }) => ({
      count: total.count + count,
      priceMicros: total.priceMicros + priceMicros,
    }),
    NOTHING,
  )

/** What of a category a record shows and a trigger watches. */
export type Field = 'count' | 'usage' | 'price'

/** A field in millionths, so that pieces and money compare alike. */
export function fieldMicros({ isMoney }: Category, field: Field, { count, priceMicros }: Amount): number {
  return field === 'price' || (field === 'usage' && isMoney) ? priceMicros : count * 1_000_000
}

export const fieldText = (category: Category, field: Field, amount: Amount) =>
  fromMicros(fieldMicros(category, field, amount))
