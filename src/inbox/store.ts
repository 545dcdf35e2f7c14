import type { Channel } from '../delivery/provider.ts'
import { keyset, type PageRequest } from '../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../storage/storage.ts'

export interface StoredMessage {
  placement: number
  sid: string
  accountSid: string
  verificationSid: string
  recipientHash: Uint8Array
  channel: Channel
  /** Sealed JSON: to, from, subject, body, code. */
  content: Uint8Array
  createdAtMs: number
}

export const insertMessage = (tx: Tx, m: StoredMessage) =>
  tx.run`insert into inbox_message (placement, sid, account_sid, verification_sid, recipient_hash, channel, content,
      created_at)
    values (${m.placement}, ${m.sid}, ${m.accountSid}, ${m.verificationSid}, ${m.recipientHash}, ${m.channel},
      ${m.content}, ${m.createdAtMs})`

interface Row {
  placement: number
  sid: string
  account_sid: string
  verification_sid: string
  recipient_hash: Uint8Array
  channel: Channel
  content: Uint8Array
  created_at: number
}

/** A page of messages, newest first; of one recipient where its hash is given. */
export async function listMessages(
  read: Read,
  accountSid: string,
  recipient: Uint8Array | undefined,
  page: PageRequest,
): Promise<StoredMessage[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from inbox_message ${where([
    sql`account_sid = ${accountSid}`,
    recipient && sql`recipient_hash = ${recipient}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map((row) => ({
    placement: row.placement,
    sid: row.sid,
    accountSid: row.account_sid,
    verificationSid: row.verification_sid,
    recipientHash: row.recipient_hash,
    channel: row.channel,
    content: row.content,
    createdAtMs: row.created_at,
  }))
}
