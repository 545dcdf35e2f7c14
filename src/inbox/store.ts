import type { Channel } from '../delivery/provider.ts'
import { keyset, type PageRequest } from '../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../storage/storage.ts'

export interface StoredMessage {
  placement: number
  sid: string
  accountSid: string
  verificationSid: string | null
  channel: Channel
  /** Sealed JSON: to, from, subject, body, code. */
  content: Uint8Array
  createdAtMs: number
}

export const insertMessage = (tx: Tx, m: StoredMessage) =>
  tx.run`insert into inbox_message (placement, sid, account_sid, verification_sid, channel, content,
      created_at)
    values (${m.placement}, ${m.sid}, ${m.accountSid}, ${m.verificationSid ?? ''}, ${m.channel}, ${m.content},
      ${m.createdAtMs})
    on conflict (placement, sid) do nothing`

/** What was sent is kept once by the phone, so it has the sid of its attempt or message, but for the letters. */
export const messageSid = (sentSid: string) => `IM${sentSid.slice(2)}`

// The account is not asked for outside too: its index would be walked in place of the few keys that come from inside.
const sentTo = (accountSid: string, { slot, to }: Recipient) => sql`(
    select placement as sent_placement, 'IM' || substr(sid, 3) as sent_sid from attempt
    where account_sid = ${accountSid} and slot = ${slot}
    union all
    select placement, 'IM' || substr(sid, 3) from message where account_sid = ${accountSid} and recipient = ${to}
  ) as sent join inbox_message on placement = sent_placement and sid = sent_sid`

/** Whose messages: attempts are found by the slot, what programs wrote by the number. */
export interface Recipient {
  slot: Uint8Array
  to: string
}

interface Row {
  placement: number
  sid: string
  account_sid: string
  verification_sid: string
  channel: Channel
  content: Uint8Array
  created_at: number
}

/** A page of messages, newest first; of one recipient where it is given. */
export async function listMessages(
  read: Read,
  accountSid: string,
  recipient: Recipient | undefined,
  page: PageRequest,
): Promise<StoredMessage[]> {
  const { edge, order } = keyset(page)
  const source = recipient ? sentTo(accountSid, recipient) : sql`inbox_message`
  const rows = await read.all<Row>`select inbox_message.* from ${source} ${where([
    recipient ? undefined : sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map((row) => ({
    placement: row.placement,
    sid: row.sid,
    accountSid: row.account_sid,
    verificationSid: row.verification_sid || null,
    channel: row.channel,
    content: row.content,
    createdAtMs: row.created_at,
  }))
}
