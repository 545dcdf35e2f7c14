import { hash, timingSafeEqual } from 'node:crypto'
import type { Context } from '../../context.ts'

export const codeSealedAs = (accountSid: string, sid: string) => `${accountSid}/${sid}/code`

interface Owner {
  accountSid: string
  sid: string
}

/** Decimal digits, each uniform, leading zeros kept. */
export function generateCode(ctx: Context, length: number): string {
  return String(ctx.random.int(10 ** length)).padStart(length, '0')
}

export const sealCode = (ctx: Context, { accountSid, sid }: Owner, code: string) =>
  ctx.vault.seal(Buffer.from(code), codeSealedAs(accountSid, sid))

export const openCode = (ctx: Context, { accountSid, sid }: Owner, sealed: Uint8Array) =>
  ctx.vault.open(sealed, codeSealedAs(accountSid, sid)).toString('utf8')

const digest = (text: string) => hash('sha256', text, 'buffer')

/** Digests have one length, so that the comparison takes one time whatever is guessed. */
export const sameCode = (a: string, b: string) => timingSafeEqual(digest(a), digest(b))
