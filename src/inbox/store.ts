import type { Channel } from '../delivery/provider.ts'
import { keyset, type PageRequest } from '../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../storage/storage.ts'

export interface StoredMessage {
  placement: number
  sid: string
  accountSid: string
  verificationSid: string
  channel: Channel
  /** Sealed JSON: to, from, subject, body, code. */
  content: Uint8Array
  createdAtMs: number
}

export const insertMessage = (tx: Tx, m: StoredMessage) =>
  tx.run`insert into inbox_message (placement, sid, account_sid, verification_sid, channel, content,
      created_at)
    values (${m.placement}, ${m.sid}, ${m.accountSid}, ${m.verificationSid}, ${m.channel}, ${m.content},
      ${m.createdAtMs})
    on conflict (placement, sid) do nothing`

/** An attempt is kept once by the phone, so its message has its sid, but for the letters. */
export const messageSid = (attemptSid: string) => `IM${attemptSid.slice(2)}`

// The account is not asked for outside too: its index would be walked in place of the few keys that come from inside.
const ofRecipient = (accountSid: string, slot: Uint8Array) => sql`(placement, sid) in (
  select placement, 'IM' || substr(sid, 3) from attempt where account_sid = ${accountSid} and slot = ${slot})`

interface Row {
  placement: number
  sid: string
  account_sid: string
  verification_sid: string
  channel: Channel
  content: Uint8Array
  created_at: number
}

/** A page of messages, newest first; of one recipient where the slot of its attempts is given. */
export async function listMessages(
  read: Read,
  accountSid: string,
  slot: Uint8Array | undefined,
  page: PageRequest,
): Promise<StoredMessage[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from inbox_message ${where([
    slot ? ofRecipient(accountSid, slot) : sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map((row) => ({
    placement: row.placement,
    sid: row.sid,
    accountSid: row.account_sid,
    verificationSid: row.verification_sid,
    channel: row.channel,
    content: row.content,
    createdAtMs: row.created_at,
  }))
}
