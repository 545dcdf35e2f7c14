import type { Config } from '../config.ts'
import type { RunningServer } from '../intercept/environment.ts'
import { readServerFile, startServer } from '../server.ts'
import { ask } from './ask.ts'

/**
 * The server that runs on this data directory, which `close` leaves alone; if none does, one of the command's own on a
 * free port of loopback, which `close` ends.
 */
export async function connectOrStart(config: Config): Promise<RunningServer> {
  const url = await findRunning(config.dataDir)
  if (url === undefined) return startServer({ ...config, host: '127.0.0.1', port: 0 })
  return { url, ...(await ask(config, 'credentials', undefined)), close: async () => {} }
}

/** Where the server of this data directory answers. A server that was killed leaves its file behind. */
async function findRunning(dataDir: string): Promise<string | undefined> {
  try {
    const url = (await readServerFile(dataDir))?.url
    if (!url) return undefined
    const reply = await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(2_000) })
    return reply.ok ? url : undefined
  } catch {
    return undefined
  }
}
