import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Config } from '../config.ts'
import { closeContext, openContext } from '../context.ts'
import { type AdminInput, type AdminName, type AdminResult, adminCommands } from '../operations/admin.ts'
import { CONTROL_PATH } from '../operations/control.ts'
import { makeLog, readServerFile } from '../server.ts'

/**
 * Has a command done by the server that runs on the data directory; if none does, on its database directly. Throws an
 * Error with what the server said where it refuses.
 */
export async function ask<N extends AdminName>(
  config: Config,
  name: N,
  input: AdminInput<N>,
): Promise<AdminResult<N>> {
  const running = await readServerFile(config.dataDir)
  const reply = running && (await post(running, name, input ?? {}).catch(ifNobodyAnswers))
  if (reply) {
    if (reply.status === 200) return (reply.body as { result: AdminResult<N> }).result
    throw new Error((reply.body as { message: string }).message)
  }
  // No carrier is needed to read or change what is kept.
  const ctx = await openContext({ ...config, providers: {} }, makeLog(config))
  try {
    const run = adminCommands[name] as (ctx: unknown, input: unknown) => Promise<AdminResult<N>>
    return await run(ctx, input)
  } finally {
    await closeContext(ctx)
  }
}

/** A server that was killed leaves its file behind. */
function ifNobodyAnswers(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ECONNREFUSED') throw error
}

/** Not `fetch`: that gives up after five minutes, and a backup may take longer. */
function post({ url, secret }: { url: string; secret: string }, name: string, input: unknown) {
  return new Promise<{ status: number; body: unknown }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
    request(new URL(CONTROL_PATH + name, url), { method: 'POST', headers, agent: false })
      .once('error', reject)
      .once('response', (reply) => {
        json(reply).then((body) => resolve({ status: reply.statusCode ?? 0, body }), reject)
      })
      .end(JSON.stringify(input))
  })
}
