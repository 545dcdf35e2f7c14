import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import type { Random } from '../clock.ts'
import type { KeyRing } from './key-ring.ts'
import { StorageUnavailable } from './storage.ts'

export interface Vault {
  /** `context` says where the value lives (account, sid, what): only with the same one does it open. */
  seal(bytes: Uint8Array, context: string): Uint8Array
  /** Throws `VaultError` if the key is missing, the context is another, or a byte was changed. */
  open(sealed: Uint8Array, context: string): Buffer
}

/** The vault as those see it who look after its keys. */
export interface KeyedVault extends Vault {
  /** Of the key that seals: 8 hex digits. */
  readonly activeKeyId: string
  /** Of all keys that open. */
  readonly keyIds: readonly string[]
  /**
   * From now on these keys open, and that one seals. If the ring lacks it, nothing is sealed any more: a value under a
   * key that the other nodes have retired would be lost.
   */
  useKeys(ring: KeyRing, activeKeyId: string): void
  /** Nothing is sealed while `isFenced`: throws StorageUnavailable. */
  fence(isFenced: () => boolean): void
}

/** A value that cannot be opened. The message never tells of the value. */
export class VaultError extends Error {}

// version ‖ key id ‖ salt ‖ nonce ‖ text ‖ tag
const VERSION = 1
const SALT_AT = 5
const NONCE_AT = 21
const TEXT_AT = 33
const TAG_BYTES = 16
/** Random nonces stay safe up to 2^32 seals under one subkey; a new salt well before makes a new subkey. */
const SEALS_PER_SALT = 2 ** 30
/** One subkey a salt, one salt a process start. */
const MAX_SUBKEYS = 256

/**
 * Seals with AES-256-GCM under a subkey of the active key and a salt drawn here; opens what any key of the ring sealed.
 * Throws `VaultError` if the ring does not hold the active key.
 */
export function createVault(ring: KeyRing, activeKeyId: string, random: Random): KeyedVault {
  const subkeys = new Map<string, Buffer>()
  let keys = ring
  let active = activeKeyId
  let head = Buffer.alloc(0)
  let sealing: Buffer | undefined
  let seals = 0
  let isFenced = () => false

  function renewSalt(): Buffer {
    const key = keys.get(active)
    if (!key) throw missingKey(active)
    const salt = random.bytes(NONCE_AT - SALT_AT)
    head = Buffer.concat([sealedPrefix(active), salt])
    sealing = deriveSubkey(key, salt)
    seals = 0
    return sealing
  }
  renewSalt()

  function findSubkey(sealed: Buffer): Buffer {
    const name = sealed.toString('latin1', 1, NONCE_AT)
    let subkey = subkeys.get(name)
    if (!subkey) {
      const keyId = sealed.toString('hex', 1, SALT_AT)
      const key = keys.get(keyId)
      if (!key) throw missingKey(keyId)
      subkey = deriveSubkey(key, sealed.subarray(SALT_AT, NONCE_AT))
      const oldest = subkeys.size >= MAX_SUBKEYS ? subkeys.keys().next().value : undefined
      if (oldest !== undefined) subkeys.delete(oldest)
      subkeys.set(name, subkey)
    }
    return subkey
  }

  return {
    get activeKeyId() {
      return active
    },
    get keyIds() {
      return [...keys.keys()]
    },
    useKeys(ring, activeKeyId) {
      // What a retired key has derived goes with it.
      subkeys.clear()
      keys = ring
      if (activeKeyId !== active || !keys.has(active)) sealing = undefined
      active = activeKeyId
    },
    fence(condition) {
      isFenced = condition
    },
    seal(bytes, context) {
      if (isFenced()) throw new StorageUnavailable(new VaultError('this node cannot report to the others'))
      const subkey = sealing === undefined || ++seals > SEALS_PER_SALT ? renewSalt() : sealing
      const nonce = random.bytes(TEXT_AT - NONCE_AT)
      const cipher = createCipheriv('aes-256-gcm', subkey, nonce)
      cipher.setAAD(Buffer.from(context))
      return Buffer.concat([head, nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
    },
    open(bytes, context) {
      const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (sealed.length < TEXT_AT + TAG_BYTES || sealed[0] !== VERSION)
        throw new VaultError('not a sealed value')
      const tagAt = sealed.length - TAG_BYTES
      const decipher = createDecipheriv('aes-256-gcm', findSubkey(sealed), sealed.subarray(NONCE_AT, TEXT_AT))
      decipher.setAAD(Buffer.from(context))
      decipher.setAuthTag(sealed.subarray(tagAt))
      const text = decipher.update(sealed.subarray(TEXT_AT, tagAt))
      try {
        decipher.final() // in GCM it adds no text: it checks the tag
      } catch {
        throw new VaultError('a sealed value does not open: it was changed, or belongs elsewhere')
      }
      return text
    },
  }
}

/** The bytes that every value begins with which this key sealed. */
export const sealedPrefix = (keyId: string): Buffer =>
  Buffer.concat([Buffer.of(VERSION), Buffer.from(keyId, 'hex')])

/** A keyed hash (32 bytes) that stands for a value in an index: slots, placements, counters. No two lists of parts collide. */
export function indexHash(indexKey: Uint8Array, ...parts: string[]): Buffer {
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('')
  return createHmac('sha256', indexKey).update(text).digest()
}

const deriveSubkey = (key: Buffer, salt: Buffer) =>
  Buffer.from(hkdfSync('sha256', key, salt, 'countersign vault 1', 32))

const missingKey = (keyId: string) =>
  new VaultError(
    `this database is sealed with master key ${keyId}, which this node does not have: ` +
      'give it the key ring of the node that made the database',
  )
