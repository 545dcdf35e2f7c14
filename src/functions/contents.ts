import type { Fragment, Read, Tx } from '../storage/storage.ts'
import { deleteOrphan, findContent, insertContent, lockContent } from './store.ts'

/** What was uploaded, by its SHA-256: an account keeps each content once, however often it is uploaded again. */
export const readContent = (read: Read, accountSid: string, hash: string): Promise<Uint8Array | undefined> =>
  findContent(read, accountSid, hash)

/** Keeps a content that the unit is about to refer to. */
export async function keepContent(
  tx: Tx,
  forUpdate: Fragment,
  accountSid: string,
  hash: string,
  content: Uint8Array,
): Promise<void> {
  // Mostly it is there: tools upload everything at each deployment.
  while (!(await lockContent(tx, forUpdate, accountSid, hash)))
    await insertContent(tx, accountSid, hash, content)
}

/** Removes a content, unless a version has it. */
export async function dropContent(
  tx: Tx,
  forUpdate: Fragment,
  accountSid: string,
  hash: string,
): Promise<void> {
  // So that a version which is being uploaded is seen: it holds the lock until it is there.
  if (await lockContent(tx, forUpdate, accountSid, hash)) await deleteOrphan(tx, accountSid, hash)
}
