import { hash } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../clock.ts'

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
  if (mayCreate && (await createRingFile(path, random)))
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
async function createRingFile(path: string, random: Random): Promise<boolean> {
  let file: FileHandle
  try {
    file = await open(path, 'wx', 0o600)
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
  return true
}

/** Writes the ring file of a data directory anew, whole or not at all. */
export async function writeRingFile(dataDir: string, ring: KeyRing): Promise<void> {
  const path = ringFile(dataDir)
  const temporary = `${path}.new`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile([...ring.values()].map(toLine).join(''))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(dataDir)
  await directory.sync().finally(() => directory.close())
}

/** Adds keys to it, and makes it where there is none. Resolves to the ids of those that were not there. */
export async function addToRingFile(dataDir: string, keys: readonly Buffer[]): Promise<string[]> {
  const there = await readRingFile(ringFile(dataDir)).catch((error: Error) => {
    if ((error.cause as { code?: string } | undefined)?.code === 'ENOENT') return new Map<string, Buffer>()
    throw error
  })
  const added = keys.map((key) => [keyId(key), key] as const).filter(([id]) => !there.has(id))
  if (added.length > 0) {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await writeRingFile(dataDir, new Map([...there, ...added]))
  }
  return added.map(([id]) => id)
}
