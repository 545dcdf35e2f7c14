import type { Config } from '../config.ts'
import type { RunningServer } from '../intercept/environment.ts'
import { startServer } from '../server.ts'
import { askRunning } from './ask.ts'

/**
 * The server that runs on this data directory, which `close` leaves alone; if none does, one of the command's own on a
 * free port of loopback, which `close` ends.
 */
export async function connectOrStart(config: Config): Promise<RunningServer> {
  const running = await askRunning(config.dataDir, 'credentials', undefined)
  if (!running) return startServer({ ...config, host: '127.0.0.1', port: 0 })
  return { url: running.url, ...running.result, close: async () => {} }
}
