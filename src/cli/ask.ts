import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Config } from '../config.ts'
import { closeContext, openContext, systemRandom } from '../context.ts'
import { type AdminInput, type AdminName, type AdminResult, adminCommands } from '../operations/admin.ts'
import { ACCEPTED_HEADER, askAs, CONTROL_PATH, isSame, prove } from '../operations/control.ts'
import { makeLog, readServerFile } from '../server.ts'
import { requireTables } from './require-tables.ts'

/**
 * Has a command done by the server that runs on the data directory; if none does, on its database directly, which has
 * to be there. Throws an Error with what the server said where it refuses.
 */
export async function ask<N extends AdminName>(
  config: Config,
  name: N,
  input: AdminInput<N>,
): Promise<AdminResult<N>> {
  const running = await askRunning(config.dataDir, name, input)
  if (running) return running.result
  await requireTables(config)
  // No carrier is needed to read or change what is kept.
  const ctx = await openContext({ ...config, providers: {} }, makeLog(config))
  try {
    const run = adminCommands[name] as (ctx: unknown, input: unknown) => Promise<AdminResult<N>>
    return await run(ctx, input)
  } finally {
    await closeContext(ctx)
  }
}

/**
 * Has a command done by the server that runs on the data directory. Undefined where none does: nobody answers, or
 * somebody who does not know the secret, and has got the port of a server that was killed.
 */
export async function askRunning<N extends AdminName>(
  dataDir: string,
  name: N,
  input: AdminInput<N>,
): Promise<{ url: string; result: AdminResult<N> } | undefined> {
  const named = await readServerFile(dataDir)
  if (!named) return undefined
  const reply = await post(named, name, input ?? {}).catch(ifNoServer)
  if (!reply?.accepted) return undefined
  const body = JSON.parse(reply.body)
  if (reply.status !== 200) throw new Error(body.message)
  return { url: named.url, result: body.result }
}

/** Refused, or answered in no HTTP. Whatever else fails may have been done: it must not be done again. */
function ifNoServer(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ECONNREFUSED' && !error.code?.startsWith('HPE_')) throw error
}

/** Not `fetch`: that gives up after five minutes, and a backup may take longer. */
function post({ url, secret }: { url: string; secret: string }, name: string, input: unknown) {
  return new Promise<{ status: number; accepted: boolean; body: string }>((resolve, reject) => {
    const nonce = systemRandom.bytes(16).toString('hex')
    const headers = { authorization: askAs(secret, name, nonce), 'content-type': 'application/json' }
    request(new URL(CONTROL_PATH + name, url), { method: 'POST', headers, agent: false })
      .once('error', reject)
      .once('response', (reply) => {
        const proof = String(reply.headers[ACCEPTED_HEADER] ?? '')
        const accepted = isSame(prove(secret, 'answers', name, nonce), proof)
        text(reply).then((body) => resolve({ status: reply.statusCode ?? 0, accepted, body }), reject)
      })
      .end(JSON.stringify(input))
  })
}
