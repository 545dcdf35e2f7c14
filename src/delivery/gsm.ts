/** The alphabets of an SMS (3GPP TS 23.038), and how a text is cut into messages of 140 octets. */

// The position of a character is its septet. 0x1B escapes to the extension table.
const BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà'
const ESCAPE = 0x1b
const EXTENSION: [number, string][] = [
  [0x0a, '\f'],
  [0x14, '^'],
  [0x28, '{'],
  [0x29, '}'],
  [0x2f, '\\'],
  [0x3c, '['],
  [0x3d, '~'],
  [0x3e, ']'],
  [0x40, '|'],
  [0x65, '€'],
]
const SEPTETS = new Map<string, readonly number[]>([
  ...[...BASIC].map((character, septet): [string, number[]] => [character, [septet]]),
  ...EXTENSION.map(([septet, character]): [string, number[]] => [character, [ESCAPE, septet]]),
])
SEPTETS.delete('\u001b')

export type Alphabet = 'gsm' | 'ucs2'

/** Characters of a whole message, and of one part: a part gives six octets to its header. */
const LIMITS = { gsm: { whole: 160, part: 153 }, ucs2: { whole: 70, part: 67 } } as const

/** True if every character is in the GSM alphabet, the extension table included. */
export function isGsm(text: string): boolean {
  for (const character of text) if (!SEPTETS.has(character)) return false
  return true
}

/** One septet an octet, not packed. Throws RangeError unless `isGsm(text)`. */
export function encodeGsm(text: string): Buffer {
  const septets: number[] = []
  for (const character of text) {
    const found = SEPTETS.get(character)
    // The text may hold a code: the error names no character.
    if (!found) throw new RangeError('text is not in the GSM alphabet')
    septets.push(...found)
  }
  return Buffer.from(septets)
}

const CHARACTERS = [...BASIC]
const EXTENDED = new Map(EXTENSION)

/** The text of septets, one an octet. An escape that nobody knows is a space, as the standard has it. */
export function decodeGsm(septets: Uint8Array): string {
  let text = ''
  for (let i = 0; i < septets.length; i++) {
    const septet = (septets[i] ?? 0) & 0x7f
    text +=
      septet === ESCAPE ? (EXTENDED.get((septets[++i] ?? 0) & 0x7f) ?? ' ') : (CHARACTERS[septet] ?? ' ')
  }
  return text
}

/** Cuts a text into the messages that carry it; no part splits an escape pair or a surrogate pair. */
export function splitSms(
  text: string,
  alphabet: Alphabet = isGsm(text) ? 'gsm' : 'ucs2',
): { alphabet: Alphabet; parts: string[] } {
  const { whole, part } = LIMITS[alphabet]
  const width = (character: string) =>
    alphabet === 'gsm' ? (SEPTETS.get(character)?.length ?? 1) : character.length
  const characters = [...text]
  if (characters.reduce((sum, character) => sum + width(character), 0) <= whole)
    return { alphabet, parts: [text] }

  const parts: string[] = []
  let current = ''
  let used = 0
  for (const character of characters) {
    if (used + width(character) > part) {
      parts.push(current)
      current = ''
      used = 0
    }
    current += character
    used += width(character)
  }
  parts.push(current)
  return { alphabet, parts }
}

/** How many messages a text costs. */
export function segmentCount(text: string): number {
  return splitSms(text).parts.length
}
