import type { Context } from '../../context.ts'
import type { Incoming } from '../../delivery/provider.ts'
import { fail } from '../../http/errors.ts'
import { maskRecipient } from '../../log.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import { parsePhone } from '../../verify/verifications/recipient.ts'
import { findByPhoneNumber, ownsNumber } from '../incoming-phone-numbers/store.ts'
import { type Message, makeMessage } from '../messages/message.ts'
import { insertMessage } from '../messages/store.ts'
import { ANSWER_LEASE_MS } from './answer.ts'
import { deleteParts, insertPart, listParts, type MessagePart, takeJoint } from './store.ts'

/** After that nobody waits for an answer any more. */
const ANSWER_WITHIN_MS = 3_600_000

/** Keeps what a carrier brought, and begins to answer it. One to a number that nobody has is told to the log only. */
export async function receiveMessage(ctx: Context, incoming: Incoming): Promise<void> {
  const { system } = ctx.storage
  const number = await findByPhoneNumber(system.read, incoming.to)
  if (!number) {
    ctx.log.warn({ provider: incoming.providerId, to: maskRecipient(incoming.to) }, 'message to nobody')
    return
  }
  const message = await system.write(async (tx) => {
    const text = incoming.part ? await joinParts(ctx, tx, number.accountSid, incoming) : incoming.body
    return text === undefined ? undefined : keep(ctx, tx, number.accountSid, incoming, text)
  })
  if (message) ctx.messaging.answers.add(message)
}

/**
 * What a person writes on the virtual phone, to a number of the account that the inbox serves. Throws 21211 and 21212 for
 * what are no numbers, 20404 for one that is not the account's, 60223 where carriers bring what people write.
 */
export async function writeFromInbox(
  ctx: Context,
  accountSid: string,
  { From, To, Body }: { From: string; To: string; Body: string },
): Promise<Message> {
  const [from, to] = [(await parsePhone(From))?.to, (await parsePhone(To))?.to]
  if (!from) throw fail.invalidFrom(From)
  if (!to) throw fail.invalidMessageTo(To)
  if (!(ctx.config.numbers[to] ?? ctx.config.channels.sms).includes('inbox'))
    throw fail.channelDisabled('sms')
  if (!(await ownsNumber(ctx.storage.read, accountSid, to))) throw fail.notFound('/IncomingPhoneNumbers')
  const message = await ctx.storage.write((tx) => keep(ctx, tx, accountSid, { from, to }, Body))
  ctx.messaging.answers.add(message)
  return message
}

async function keep(
  ctx: Context,
  tx: Tx,
  accountSid: string,
  { from, to }: { from: string; to: string },
  text: string,
): Promise<Message> {
  const message = makeMessage(ctx, {
    accountSid,
    direction: 'inbound',
    from,
    to,
    text,
    status: 'received',
    callback: null,
    dueAtMs: ctx.clock.now() + ANSWER_LEASE_MS,
    lifeMs: ANSWER_WITHIN_MS,
  })
  await insertMessage(tx, message)
  return message
}

export const partSealedAs = (accountSid: string, sid: string) => `${accountSid}/${sid}/part`

/** Keeps a part; the whole text once it is the last that was missing. */
async function joinParts(
  ctx: Context,
  tx: Tx,
  accountSid: string,
  { providerId, from, to, body, part }: Incoming,
): Promise<string | undefined> {
  if (!part) return body
  const now = ctx.clock.now()
  const sid = newSid('MP', 0, now, ctx.random)
  const mine: MessagePart = {
    sid,
    joint: ctx
      .hash('message part', accountSid, providerId, from, to, `${part.reference} ${part.total}`)
      .toString('hex'),
    n: part.n,
    accountSid,
    // As it came: a character may be cut in two.
    content: ctx.vault.seal(Buffer.from(body, 'utf16le'), partSealedAs(accountSid, sid)),
    createdAtMs: now,
  }
  await takeJoint(tx, { ...mine, sid: newSid('MP', 0, now, ctx.random) })
  await insertPart(tx, mine)
  const parts = await listParts(tx, mine.joint)
  if (parts.length < part.total) return undefined
  await deleteParts(tx, mine.joint)
  const texts = parts.map(({ sid, content }) => ctx.vault.open(content, partSealedAs(accountSid, sid)))
  return Buffer.concat(texts).toString('utf16le')
}
