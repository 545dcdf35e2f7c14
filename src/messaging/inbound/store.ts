import { sidFloor } from '../../storage/sid.ts'
import type { Access, Tx } from '../../storage/storage.ts'

/** A part of a long message, sealed. */
export interface MessagePart {
  sid: string
  /** What all parts of one message have in common. */
  joint: string
  n: number
  accountSid: string
  content: Uint8Array | null
  createdAtMs: number
}

// What carriers bring is not done for one tenant.

/** Makes others that bring parts of the same message wait until the unit ends. */
export const takeJoint = (tx: Tx, p: MessagePart) =>
  tx.run`insert into message_part (sid, joint, n, account_sid, created_at)
    values (${p.sid}, ${p.joint}, 0, ${p.accountSid}, ${p.createdAtMs})
    on conflict (joint, n) do update set n = excluded.n`

/** Of a part that came before nothing is changed. */
export const insertPart = (tx: Tx, p: MessagePart) =>
  tx.run`insert into message_part (sid, joint, n, account_sid, content, created_at)
    values (${p.sid}, ${p.joint}, ${p.n}, ${p.accountSid}, ${p.content}, ${p.createdAtMs})
    on conflict (joint, n) do nothing`

export async function listParts(tx: Tx, joint: string): Promise<{ sid: string; content: Uint8Array }[]> {
  return tx.all<{ sid: string; content: Uint8Array }>`
    select sid, content from message_part where joint = ${joint} and n > 0 order by n`
}

export const deleteParts = (tx: Tx, joint: string) => tx.run`delete from message_part where joint = ${joint}`

/** Of messages whose other parts never came. Resolves to how many there were. */
export const pruneParts = ({ write }: Access, beforeMs: number): Promise<number> =>
  write((tx) => tx.run`delete from message_part where sid > ${''} and sid < ${sidFloor('MP', 0, beforeMs)}`)
