import { StorageUnavailable } from './storage.ts'

/** Primary result codes that tell of the machine, not of the statement. */
const UNAVAILABLE = new Set([
  5, // SQLITE_BUSY
  7, // SQLITE_NOMEM
  8, // SQLITE_READONLY: the file system became so
  10, // SQLITE_IOERR
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
])

/** An error of the machine as `StorageUnavailable`; any other as it is. */
export function toStorageError(error: unknown): unknown {
  const code = (error as { errcode?: unknown }).errcode
  return typeof code === 'number' && UNAVAILABLE.has(code & 0xff) ? new StorageUnavailable(error) : error
}
