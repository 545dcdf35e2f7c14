import type { Fragment, Read, Tx } from '../storage/storage.ts'

export async function findContent(
  read: Read,
  accountSid: string,
  hash: string,
): Promise<Uint8Array | undefined> {
  const row = await read.get<{ content: Uint8Array }>`select content from fn_blob
    where account_sid = ${accountSid} and hash = ${hash}`
  return row?.content
}

/** Inserts nothing where it is there. */
export const insertContent = (tx: Tx, accountSid: string, hash: string, content: Uint8Array) =>
  tx.run`insert into fn_blob (account_sid, hash, content) values (${accountSid}, ${hash}, ${content})
    on conflict do nothing`

/** Whether it is there; if so, nobody removes it before the unit ends. */
export async function lockContent(
  tx: Tx,
  forUpdate: Fragment,
  accountSid: string,
  hash: string,
): Promise<boolean> {
  const row = await tx.get<{ hash: string }>`select hash from fn_blob
    where account_sid = ${accountSid} and hash = ${hash} ${forUpdate}`
  return row !== undefined
}

/** Deletes nothing where a version has it. */
export const deleteOrphan = (tx: Tx, accountSid: string, hash: string) =>
  tx.run`delete from fn_blob where account_sid = ${accountSid} and hash = ${hash}
    and not exists (select 1 from fn_version where account_sid = ${accountSid} and hash = ${hash})`
