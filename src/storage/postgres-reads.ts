import type { Socket } from 'node:net'
import type { PoolClient, QueryResult } from 'pg'
import { StorageUnavailable } from './storage.ts'

/** So that none has to wait long for those before it. */
const MAX_TOGETHER = 8

/** Reads that share a connection. */
interface Batch {
  client: Promise<PoolClient>
  size: number
  unanswered: number
  /** Why the connection is of no more use. */
  failure?: StorageUnavailable
}

/**
 * An `ask` whose statements travel together if they come at once: a packet costs both sides more than a read. For reads
 * only. They wait for no lock, so that none holds up those behind it.
 */
export function readTogether<S>(
  checkOut: () => Promise<PoolClient>,
  ask: (client: PoolClient, statement: S) => Promise<QueryResult>,
): (statement: S) => Promise<QueryResult> {
  /** Waits for its connection, or got it in this turn of the loop. */
  let gathering: Batch | undefined

  function gather(): Batch {
    const batch: Batch = { client: checkOut(), size: 0, unanswered: 0 }
    batch.client.then(
      () => setImmediate(close, batch),
      () => close(batch),
    )
    return batch
  }

  function close(batch: Batch): void {
    if (gathering === batch) gathering = undefined
  }

  return async (statement) => {
    if (!gathering || gathering.size === MAX_TOGETHER) gathering = gather()
    const batch = gathering
    batch.size += 1
    batch.unanswered += 1
    const client = await batch.client
    hold(client)
    try {
      return await ask(client, statement)
    } catch (error) {
      if (error instanceof StorageUnavailable) batch.failure = error
      throw error
    } finally {
      batch.unanswered -= 1
      if (batch.unanswered === 0) {
        close(batch)
        client.release(batch.failure)
      }
    }
  }
}

/** Puts what is sent in this turn of the loop into one packet: each costs the server, and us, a system call. */
export function hold(client: PoolClient): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  stream.cork()
  process.nextTick(() => stream.uncork())
}
