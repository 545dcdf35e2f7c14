import { fill } from './message-text.ts'
import { type Locale, TEXTS } from './texts.ts'

/** What a call says. The code comes twice and character by character, or it would be read as one large number. */
export function spokenText({
  locale,
  friendlyName,
  code,
  trial,
}: {
  locale: Locale
  friendlyName: string
  code: string
  trial?: boolean | undefined
}): string {
  const heading = trial ? 'This call is from a trial account. ' : ''
  return heading + fill(TEXTS[locale].call, { name: friendlyName, code: [...code.toUpperCase()].join(', ') })
}
