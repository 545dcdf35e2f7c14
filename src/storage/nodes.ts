import { lockInstallation } from './installation.ts'
import { clearProgress } from './progress.ts'
import type { Read, Storage } from './storage.ts'

/** A process that serves. */
export interface Node {
  id: string
  host: string
  keyIds: readonly string[]
  /** Of the key that it seals with. */
  activeKeyId: string
}

/** How often a node says that it lives, and when one that is silent counts as dead. */
export const REPORT_EVERY_MS = 5_000
const DEAD_AFTER_MS = 30_000
/** A node that could not report for so long must not seal any more: soon the others count it as dead. */
export const FENCED_AFTER_MS = DEAD_AFTER_MS - REPORT_EVERY_MS

/** Its part is the key that all was sealed anew with. */
export const RESEAL_JOB = 'reseal'

interface Row {
  id: string
  host: string
  key_ids: string
  active_key_id: string
}

/**
 * Under the same lock as `activateKey`: no key is activated between a node's look at its ring and its report. Times are
 * the database's, read before the lock is waited for: nodes need not agree on the time to agree on who is dead.
 */
export async function reportNode(storage: Storage, node: Node): Promise<void> {
  const nowMs = await storage.ping()
  await storage.system.write(async (tx) => {
    await lockInstallation(tx, storage)
    await tx.run`insert into node (id, host, key_ids, active_key_id, seen_at)
      values (${node.id}, ${node.host}, ${node.keyIds.join(' ')}, ${node.activeKeyId}, ${nowMs})
      on conflict (id) do update set key_ids = excluded.key_ids, active_key_id = excluded.active_key_id,
        seen_at = excluded.seen_at`
    await tx.run`delete from node where seen_at < ${nowMs - DEAD_AFTER_MS * 10}`
  })
}

export const removeNode = ({ system }: Storage, id: string) =>
  system.write((tx) => tx.run`delete from node where id = ${id}`)

export const listLiveNodes = async (storage: Storage): Promise<Node[]> =>
  listSeen(storage.system.read, await storage.ping())

async function listSeen(read: Read, nowMs: number): Promise<Node[]> {
  const rows = await read.all<Row>`select * from node where seen_at > ${nowMs - DEAD_AFTER_MS} order by id`
  return rows.map((row) => ({
    id: row.id,
    host: row.host,
    keyIds: row.key_ids.split(' '),
    activeKeyId: row.active_key_id,
  }))
}

/** From the commit on this key seals. Changes nothing, and resolves to them, where live nodes lack it. */
export async function activateKey(storage: Storage, keyId: string): Promise<Node[]> {
  const nowMs = await storage.ping()
  return storage.system.write(async (tx) => {
    await lockInstallation(tx, storage)
    const lacking = (await listSeen(tx, nowMs)).filter(({ keyIds }) => !keyIds.includes(keyId))
    if (lacking.length > 0) return lacking
    await tx.run`update installation set active_key_id = ${keyId} where id = 1`
    await clearProgress(tx, RESEAL_JOB)
    return []
  })
}
