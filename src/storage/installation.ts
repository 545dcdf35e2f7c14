import type { Random } from '../clock.ts'
import { Refusal } from '../refusal.ts'
import type { Secret } from '../secret.ts'
import { loadKeyRing } from './key-ring.ts'
import type { Storage, Tx } from './storage.ts'
import { createVault, indexHash, type KeyedVault } from './vault.ts'

interface Row {
  placements: number
  active_key_id: string
  index_key: Uint8Array
}

export const INDEX_KEY = 'installation/index_key'

/** Where a node finds its master keys. */
interface KeySource {
  dataDir: string
  masterKeys: readonly Secret<string>[] | undefined
  masterKeyFile: string | undefined
  random: Random
}

const loadKeys = ({ dataDir, masterKeys, masterKeyFile, random }: KeySource, mayCreate: boolean) =>
  loadKeyRing({
    dataDir,
    configured: masterKeys?.map((key) => key.reveal()) ?? [],
    configuredFile: masterKeyFile,
    mayCreate,
    random,
  })

/** Throws where this node lacks one of the keys that sealed an installation's secrets, or they do not open. */
export async function checkKeys(
  { activeKeyId, indexKey, keyIds }: { activeKeyId: string; indexKey: Uint8Array; keyIds: readonly string[] },
  source: KeySource,
): Promise<void> {
  const { ring } = await loadKeys(source, false)
  const lacking = keyIds.filter((id) => !ring.has(id))
  if (lacking.length > 0) {
    const [key, it] = lacking.length > 1 ? ['keys', 'them'] : ['key', 'it']
    throw new Refusal(
      `it holds what is sealed with master ${key} ${lacking.join(' and ')}, which this node does not have: add ${it} first`,
    )
  }
  createVault(ring, activeKeyId, source.random).open(indexKey, INDEX_KEY)
}

/** What an installation is given once, at its first start, and keeps. */
export interface Installation {
  vault: KeyedVault
  /**
   * Reads the key ring and which key seals anew, and has the vault use them. Rejects where either cannot be read, and
   * then takes up the other one all the same.
   */
  reloadKeys(): Promise<void>
  placements: number
  /** Keyed hash (32 bytes) of a list of parts; the key never leaves this closure. */
  hash(...parts: string[]): Buffer
  /** True where this start made the master key: other nodes need a copy of it. */
  madeKey: boolean
}

/** Keeps other nodes from doing what is done once until the unit ends. */
export const lockInstallation = (tx: Tx, { forUpdate }: Storage) =>
  tx.get`select id from installation where id = 1${forUpdate}`

/** Opens what the first start sealed; on an empty database this is the first start. Rejects without the right key. */
export async function openInstallation(
  { system }: Storage,
  options: KeySource & { placements: number; nowMs: number },
): Promise<Installation> {
  const { random, nowMs } = options
  const read = () =>
    system.read.get<Row>`select placements, active_key_id, index_key from installation where id = 1`
  let row = await read()
  const load = (mayCreate: boolean) => loadKeys(options, mayCreate)
  const loaded = await load(row === undefined)
  const { created } = loaded
  let { ring } = loaded
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
    async reloadKeys() {
      const [file, found] = await Promise.allSettled([load(false), read()])
      if (file.status === 'fulfilled') ring = file.value.ring
      const active = found.status === 'fulfilled' ? found.value?.active_key_id : undefined
      vault.useKeys(ring, active ?? vault.activeKeyId)
      for (const part of [file, found]) if (part.status === 'rejected') throw part.reason
    },
    placements: row.placements,
    hash: (...parts) => indexHash(indexKey, ...parts),
    madeKey: created,
  }
}
