import { hash } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../clock.ts'
import { Refusal } from '../refusal.ts'
import { takeLock } from './lock.ts'

/** Master keys (32 bytes each) by their id: 8 hex digits, the first of the key's SHA-256. */
export type KeyRing = ReadonlyMap<string, Buffer>

const KEY_BYTES = 32
/** In the data directory: one key a line, base64, readable by its owner only. */
const RING_FILE = 'master-keys'

export const ringFile = (dataDir: string) => join(dataDir, RING_FILE)

/**
 * The configured keys if there are any (`configuredFile` is read anew each time), else those of the data directory's ring file; `created` if that was made now,
 * with one new key. Without `mayCreate` (the database is sealed already) a missing file is an error.
 */
export async function loadKeyRing(options: {
  dataDir: string
  configured?: readonly string[]
  configuredFile?: string | undefined
  mayCreate: boolean
  random: Random
}): Promise<{ ring: KeyRing; created: boolean }> {
  const { dataDir, configured = [], configuredFile, mayCreate, random } = options
  if (configuredFile !== undefined) {
    const lines = (await readFile(configuredFile, 'utf8')).split(/[\s,]+/)
    return { ring: parseKeyRing(lines, configuredFile), created: false }
  }
  if (configured.length > 0)
    return { ring: parseKeyRing(configured, 'the configured master keys'), created: false }
  const path = ringFile(dataDir)
  if (mayCreate && (await createRingFile(dataDir, random)))
    return { ring: await readRingFile(path), created: true }
  return { ring: await readRingFile(path), created: false }
}

/** `source` names the place in the error if a key is not 32 bytes of base64. */
export function parseKeyRing(lines: readonly string[], source: string): KeyRing {
  const keys = lines.map((line) => line.trim()).filter((line) => line !== '')
  if (keys.length === 0) throw new Error(`${source}: there is no key`)
  return new Map(
    keys.map((text, i) => {
      const key = Buffer.from(text, 'base64')
      if (key.length !== KEY_BYTES)
        throw new Error(`${source}: key ${i + 1} is not ${KEY_BYTES} bytes of base64`)
      return [keyId(key), key]
    }),
  )
}

/** A copy: the pool that chance comes from is no place for a key to stay. */
export const makeKey = (random: Random): Buffer => Buffer.from(random.bytes(KEY_BYTES))

const toLine = (key: Buffer) => `${key.toString('base64')}\n`

export const keyId = (key: Uint8Array): string => hash('sha256', key, 'hex').slice(0, 8)

async function readRingFile(path: string): Promise<KeyRing> {
  let file: FileHandle
  try {
    file = await open(path)
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ENOENT') throw cause
    throw new Error(
      `the database is sealed, and there is no master key: set it, or copy the node's key file to ${path}`,
      { cause },
    )
  }
  try {
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) throw new Error(`${path} can be read by others: chmod 600 ${path}`)
    return parseKeyRing((await file.readFile('utf8')).split('\n'), path)
  } finally {
    await file.close()
  }
}

/** False if the file is there already. */
async function createRingFile(dataDir: string, random: Random): Promise<boolean> {
  let file: FileHandle
  try {
    file = await open(ringFile(dataDir), 'wx', 0o600)
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false
    throw error
  }
  try {
    await file.writeFile(toLine(makeKey(random)))
    await file.sync() // without its key, everything sealed is lost
  } finally {
    await file.close()
  }
  await syncDirectory(dataDir)
  return true
}

/** So that a file that is new there, or has a new name, is found after the power failed. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  await directory.sync().finally(() => directory.close())
}

const toText = (ring: KeyRing) => [...ring.values()].map(toLine).join('')

/**
 * Writes the ring file of a data directory anew, whole or not at all; a missing one counts as empty. One process at a
 * time: throws Refusal while another changes it, and where it was changed by hand meanwhile.
 */
async function changeRingFile(dataDir: string, change: (ring: KeyRing) => KeyRing): Promise<void> {
  const path = ringFile(dataDir)
  const lock = takeLock(`${path}.lock`)
  if (!lock) throw new Refusal(`another command is changing ${path}: try again`)
  const temporary = `${path}.new`
  try {
    // Of a process that died here: nothing names the keys that only this file had.
    await rm(temporary, { force: true })
    const file = await open(temporary, 'wx', 0o600)
    try {
      const before = await readOrEmpty(path)
      await file.writeFile(toText(change(before)))
      await file.sync()
      if (toText(await readOrEmpty(path)) !== toText(before))
        throw new Refusal(`${path} was changed meanwhile: try again`)
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncDirectory(dataDir)
  } finally {
    await rm(temporary, { force: true })
    lock.close()
  }
}

const readOrEmpty = (path: string): Promise<KeyRing> =>
  readRingFile(path).catch((error: Error) => {
    if ((error.cause as { code?: string } | undefined)?.code === 'ENOENT') return new Map<string, Buffer>()
    throw error
  })

/** Throws Refusal as `addToRingFile` does. */
export const removeFromRingFile = (dataDir: string, id: string): Promise<void> =>
  changeRingFile(dataDir, (ring) => new Map([...ring].filter(([other]) => other !== id)))

/**
 * Adds keys to it, and makes it where there is none. Resolves to the ids of those that were not there. Throws Refusal
 * while another process changes it, and where it was changed by hand meanwhile.
 */
export async function addToRingFile(dataDir: string, keys: readonly Buffer[]): Promise<string[]> {
  let added: (readonly [string, Buffer])[] = []
  await changeRingFile(dataDir, (there) => {
    added = keys.map((key) => [keyId(key), key] as const).filter(([id]) => !there.has(id))
    return new Map([...there, ...added])
  })
  return added.map(([id]) => id)
}
