import type { Read, Tx } from '../storage/storage.ts'
import type { Handover } from './handover.ts'
import type { Receipt } from './provider.ts'

interface Owner {
  placement: number
  sid: string
  accountSid: string
}

/** Keeps a hand-over as the `n`th, or the next that is free: a node that lost its lease may have counted as well. */
export async function insertHandover(tx: Tx, owner: Owner, handover: Handover): Promise<void> {
  for (let { n } = handover; (await insertNumbered(tx, owner, { ...handover, n })) === 0; n++);
}

const insertNumbered = (tx: Tx, { placement, sid, accountSid }: Owner, h: Handover) =>
  tx.run`insert into handover (placement, attempt_sid, n, account_sid, provider, outcome, code, detail, message_id,
      created_at)
    values (${placement}, ${sid}, ${h.n}, ${accountSid}, ${h.provider}, ${h.outcome}, ${h.code}, ${h.detail},
      ${h.messageId}, ${h.createdAtMs})
    on conflict (placement, attempt_sid, n) do nothing`

/** What the carrier said of a hand-over later. */
export const updateHandover = (tx: Tx, { placement, sid }: Owner, messageId: string, receipt: Receipt) =>
  tx.run`update handover set outcome = ${receipt.state}, code = ${receipt.code ?? null}
    where placement = ${placement} and attempt_sid = ${sid} and message_id = ${messageId}`

export async function listHandovers(read: Read, { placement, sid, accountSid }: Owner): Promise<Handover[]> {
  const rows = await read.all<{
    n: number
    provider: string
    outcome: Handover['outcome']
    code: string | null
    detail: string | null
    message_id: string | null
    created_at: number
  }>`select n, provider, outcome, code, detail, message_id, created_at from handover
    where placement = ${placement} and attempt_sid = ${sid} and account_sid = ${accountSid} order by n`
  return rows.map(({ message_id: messageId, created_at: createdAtMs, ...row }) => ({
    ...row,
    messageId,
    createdAtMs,
  }))
}

/** The key by which a receipt finds its attempt. */
export interface ReceiptKey {
  placement: number
  provider: string
  messageId: string
}

interface KeyRow {
  attempt_sid: string | null
  state: Receipt['state'] | null
  code: string | null
}

/** Says whose receipts carry the key; gives back what was parked under it, but not what an older owner was told. */
export const bindReceiptKey = (tx: Tx, key: ReceiptKey, attemptSid: string, nowMs: number) =>
  tx.get<KeyRow>`insert into receipt_key (placement, provider, message_id, attempt_sid, created_at)
    values (${key.placement}, ${key.provider}, ${key.messageId}, ${attemptSid}, ${nowMs})
    on conflict (placement, provider, message_id) do update set
      attempt_sid = excluded.attempt_sid, created_at = excluded.created_at,
      state = case when receipt_key.attempt_sid is null then receipt_key.state end,
      code = case when receipt_key.attempt_sid is null then receipt_key.code end
    returning attempt_sid, state, code`

/** Keeps a receipt under its key, if it says more than the last one; gives back whose it is, if that is known. */
export const parkReceipt = (tx: Tx, key: ReceiptKey, receipt: Receipt, nowMs: number) =>
  tx.get<KeyRow>`insert into receipt_key (placement, provider, message_id, state, code, created_at)
    values (${key.placement}, ${key.provider}, ${key.messageId}, ${receipt.state}, ${receipt.code ?? null}, ${nowMs})
    on conflict (placement, provider, message_id) do update set state = excluded.state, code = excluded.code
      where receipt_key.state is null or (receipt_key.state <> 'delivered' and excluded.state <> 'sent')
    returning attempt_sid, state, code`
