import type { Context } from '../context.ts'
import type { Channel, Outgoing, Provider, SendResult } from '../delivery/provider.ts'
import { sidCreatedAtMs, sidPlacement } from '../storage/sid.ts'
import { insertMessage, messageSid, type StoredMessage } from './store.ts'

/** A message that the virtual phone received. */
export interface InboxMessage {
  sid: string
  channel: Channel
  to: string
  from: string | null
  subject: string | null
  /** The text; for a call what is spoken. */
  body: string
  /** Null where it holds none: a message that a program wrote. */
  code: string | null
  verificationSid: string | null
  createdAtMs: number
}

type World = Pick<Context, 'clock' | 'vault'>

/** The built-in provider: takes every message and keeps it, sealed, for whoever may read the account's codes. */
export interface Inbox extends Provider {
  /** Calls `wake` at each message of the account to the recipient until the returned function is called. */
  watch(accountSid: string, to: string, wake: () => void): () => void
  /** Wakes all who wait for a message, and has nobody wait from now on. */
  endWaits(): void
  /** False after `endWaits`. */
  readonly mayWait: boolean
}

const watchKey = (accountSid: string, to: string) => `${accountSid} ${to.toLowerCase()}`

export const messageSealedAs = (accountSid: string, sid: string) => `${accountSid}/${sid}/message`

export function openInbox(world: World): Inbox {
  const watchers = new Map<string, Set<() => void>>()
  const sinceMs = world.clock.now()
  let mayWait = true
  return {
    id: 'inbox',
    hasReceipts: false,
    capacity: () => Number.POSITIVE_INFINITY,
    async send(message: Outgoing): Promise<SendResult> {
      const { accountSid, to } = message
      const sid = messageSid(message.sid)
      const content = JSON.stringify({
        to,
        from: message.from ?? message.email?.from ?? null,
        subject: message.email?.subject ?? null,
        body: message.body,
        code: message.code ?? null,
      })
      const stored: StoredMessage = {
        placement: sidPlacement(sid),
        sid,
        accountSid,
        verificationSid: message.verificationSid ?? null,
        channel: message.channel,
        content: world.vault.seal(Buffer.from(content), messageSealedAs(accountSid, sid)),
        createdAtMs: sidCreatedAtMs(sid),
      }
      return {
        outcome: 'accepted',
        messageId: sid,
        deliveredBy: (tx) => insertMessage(tx, stored),
        recorded() {
          for (const wake of watchers.get(watchKey(accountSid, to)) ?? []) wake()
        },
      }
    },
    health: () => ({ state: 'up', sinceMs }),
    close: async () => {},
    get mayWait() {
      return mayWait
    },
    endWaits() {
      mayWait = false
      for (const wakes of watchers.values()) for (const wake of wakes) wake()
    },
    watch(accountSid, to, wake) {
      const key = watchKey(accountSid, to)
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
  const content = vault.open(stored.content, messageSealedAs(stored.accountSid, sid)).toString('utf8')
  return { sid, channel, verificationSid, createdAtMs, ...JSON.parse(content) }
}
