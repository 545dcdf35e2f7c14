import { type Locale, TEXTS, type Texts } from './texts.ts'

/** What every channel's text is made from. With amount and payee, the text for a payment replaces the others. */
export interface TextInput {
  locale: Locale
  friendlyName: string
  code: string
  doNotShare?: boolean | undefined
  amount?: string | undefined
  payee?: string | undefined
  trial?: boolean | undefined
}

// A line of its own: in front of a text from right to left it would turn its direction. In English, so that whoever
// gets one that was not asked for can look it up.
export const TRIAL_HEADING = 'Trial account\n'

const RIGHT_TO_LEFT = new Set<Locale>(['ar', 'he', 'ur'])

/**
 * A message from the table of locales.
 *
 * Right-to-left texts put no invisible marks around a code of letters and digits: it stands after a right-to-left
 * word and a colon, where the bidirectional algorithm keeps it in one piece, while a mark next to it would be copied
 * with it, since word selection counts marks as part of the word. Other values may hold signs that would be moved
 * (in Arabic, 12-34 shows as 34-12), so they are isolated.
 */
export function messageText({
  locale,
  friendlyName,
  code,
  doNotShare,
  amount,
  payee,
  trial,
}: TextInput): string {
  const texts: Texts = TEXTS[locale]
  const shown = RIGHT_TO_LEFT.has(locale) ? isolate : (value: string) => value
  const values = { name: friendlyName, code: shown(code) }
  const heading = trial ? TRIAL_HEADING : ''
  if (amount !== undefined && payee !== undefined) {
    return heading + fill(texts.psd2, { ...values, amount: shown(amount), payee: shown(payee) })
  }
  return heading + fill(doNotShare ? texts.doNotShare : texts.sms, values)
}

/** Replaces `{placeholders}` in one pass, so a value that looks like one stays as it is. */
export function fill(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, key: string) => values[key] ?? placeholder)
}

const isolate = (value: string) => (/^[0-9A-Za-z]+$/.test(value) ? value : `\u2068${value}\u2069`)
