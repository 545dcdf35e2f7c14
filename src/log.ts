/** The part of pino that rooms use. One JSON line an event; never a code, a secret or a whole recipient. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** `+15551234567` → `+1555•••4567`, `ann@example.com` → `a•••@example.com`. */
export function maskRecipient(recipient: string): string {
  const at = recipient.lastIndexOf('@')
  if (at > 0) return `${recipient.slice(0, 1)}•••${recipient.slice(at)}`
  return recipient.length < 10 ? '•••' : `${recipient.slice(0, 5)}•••${recipient.slice(-4)}`
}
