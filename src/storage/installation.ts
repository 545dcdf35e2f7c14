import type { Random } from '../clock.ts'
import type { Secret } from '../secret.ts'
import { loadKeyRing } from './key-ring.ts'
import type { Storage, Tx } from './storage.ts'
import { createVault, indexHash, type Vault } from './vault.ts'

interface Row {
  placements: number
  active_key_id: string
  index_key: Uint8Array
}

/** What an installation is given once, at its first start, and keeps. */
export interface Installation {
  vault: Vault
  placements: number
  /** Keyed hash (32 bytes) of a list of parts; the key never leaves this closure. */
  hash(...parts: string[]): Buffer
  /** True where this start made the master key: other nodes need a copy of it. */
  madeKey: boolean
}

/** Keeps other nodes from doing what is done once until the unit ends. */
export const lockInstallation = (tx: Tx, { forUpdate }: Storage) =>
  tx.get`select id from installation where id = 1${forUpdate}`

const INDEX_KEY = 'installation/index_key'

/** Opens what the first start sealed; on an empty database this is the first start. Rejects without the right key. */
export async function openInstallation(
  { system }: Storage,
  options: {
    dataDir: string
    masterKeys: readonly Secret<string>[] | undefined
    placements: number
    random: Random
    nowMs: number
  },
): Promise<Installation> {
  const { dataDir, masterKeys, random, nowMs } = options
  const read = () =>
    system.read.get<Row>`select placements, active_key_id, index_key from installation where id = 1`
  let row = await read()
  const configured = masterKeys?.map((key) => key.reveal()) ?? []
  const { ring, created } = await loadKeyRing({ dataDir, configured, mayCreate: row === undefined, random })
  const [firstKeyId = ''] = ring.keys()
  const vault = createVault(ring, row?.active_key_id ?? firstKeyId, random)
  if (!row) {
    const sealed = vault.seal(random.bytes(32), INDEX_KEY)
    await system.write(
      (tx) => tx.run`insert into installation (id, placements, active_key_id, index_key, created_at)
        values (1, ${options.placements}, ${firstKeyId}, ${sealed}, ${nowMs}) on conflict (id) do nothing`,
    )
    // Another node may have been first: then its row counts, and our key has to open it.
    row = await read()
    if (!row) throw new Error('the installation row is gone')
  }
  const indexKey = vault.open(row.index_key, INDEX_KEY)
  return {
    vault,
    placements: row.placements,
    hash: (...parts) => indexHash(indexKey, ...parts),
    madeKey: created,
  }
}
