import type { Context } from '../context.ts'
import type { Channel, Outgoing, Provider, SendResult } from '../delivery/provider.ts'
import { newSid } from '../storage/sid.ts'
import { insertMessage, type StoredMessage } from './store.ts'

/** A message that the virtual phone received. */
export interface InboxMessage {
  sid: string
  channel: Channel
  to: string
  from: string | null
  subject: string | null
  /** The text; for a call what is spoken. */
  body: string
  code: string
  verificationSid: string
  createdAtMs: number
}

type World = Pick<Context, 'clock' | 'random' | 'vault' | 'hash' | 'placementOf'>

/** The built-in provider: takes every message and keeps it, sealed, for whoever may read the account's codes. */
export interface Inbox extends Provider {
  /** Calls `wake` at each message to the recipient until the returned function is called. */
  watch(recipientHash: Buffer, wake: () => void): () => void
}

export const recipientHash = ({ hash }: Pick<Context, 'hash'>, accountSid: string, to: string) =>
  hash('inbox', accountSid, to.toLowerCase()).subarray(0, 16)

const sealedAs = (accountSid: string, sid: string) => `${accountSid}/${sid}/message`

export function openInbox(world: World): Inbox {
  const watchers = new Map<string, Set<() => void>>()
  const sinceMs = world.clock.now()
  return {
    id: 'inbox',
    idempotent: false,
    async send(message: Outgoing): Promise<SendResult> {
      const { accountSid, to } = message
      const createdAtMs = world.clock.now()
      const placement = world.placementOf(accountSid, to)
      const sid = newSid('IM', placement, createdAtMs, world.random)
      const hash = recipientHash(world, accountSid, to)
      const content = JSON.stringify({
        to,
        from: message.email?.from ?? null,
        subject: message.email?.subject ?? null,
        body: message.body,
        code: message.code,
      })
      const stored: StoredMessage = {
        placement,
        sid,
        accountSid,
        verificationSid: message.verificationSid,
        recipientHash: hash,
        channel: message.channel,
        content: world.vault.seal(Buffer.from(content), sealedAs(accountSid, sid)),
        createdAtMs,
      }
      return {
        outcome: 'accepted',
        messageId: sid,
        deliveredBy: (tx) => insertMessage(tx, stored),
        recorded() {
          for (const wake of watchers.get(hash.toString('latin1')) ?? []) wake()
        },
      }
    },
    health: () => ({ state: 'up', sinceMs }),
    close: async () => {},
    watch(hash, wake) {
      const key = hash.toString('latin1')
      const set = watchers.get(key) ?? new Set()
      watchers.set(key, set.add(wake))
      return () => {
        set.delete(wake)
        if (set.size === 0) watchers.delete(key)
      }
    },
  }
}

export function openMessage({ vault }: Pick<Context, 'vault'>, stored: StoredMessage): InboxMessage {
  const { sid, channel, verificationSid, createdAtMs } = stored
  const content = vault.open(stored.content, sealedAs(stored.accountSid, sid)).toString('utf8')
  return { sid, channel, verificationSid, createdAtMs, ...JSON.parse(content) }
}
