import { segmentCount } from '../gsm.ts'
import { messageText, type TextInput } from './message-text.ts'

export interface SmsInput extends TextInput {
  /** The 11 characters by which Android hands a message to the app that asked for it. */
  appHash?: string | undefined
}

/**
 * The text of an SMS. A name that would make it longer than one segment is shortened, to whole words if it can be;
 * the code, the warning, amount and payee never are. If no shorter name helps, the text takes several segments.
 */
export function smsText({ appHash, ...input }: SmsInput): string {
  const textFor = (friendlyName: string) => {
    const text = messageText({ ...input, friendlyName })
    return appHash === undefined ? text : `<#> ${text}\n${appHash}`
  }
  const whole = textFor(input.friendlyName)
  if (segmentCount(whole) === 1) return whole
  for (const shorter of shorterNames(input.friendlyName)) {
    const text = textFor(shorter)
    if (segmentCount(text) === 1) return text
  }
  return whole
}

/** Fewer characters would no longer tell who sent it. */
const SHORTEST_NAME = 4

/** Whole words, the longest first; then characters. */
function* shorterNames(name: string): Generator<string> {
  for (let end = name.lastIndexOf(' '); end >= SHORTEST_NAME; end = name.lastIndexOf(' ', end - 1)) {
    yield name.slice(0, end).trimEnd()
  }
  const characters = Array.from(new Intl.Segmenter().segment(name), ({ segment }) => segment)
  for (let length = characters.length - 1; length >= SHORTEST_NAME; length--) {
    yield characters.slice(0, length).join('').trimEnd()
  }
}
