import { flushCompileCache } from 'node:module'
import { startServer } from '../server.ts'
import { makeBanner } from './banner.ts'
import { readConfig, type Shell } from './shell.ts'

/** Serves until SIGTERM or SIGINT, then finishes what is under way; a second signal ends it at once. SIGHUP: certificates and keys anew. */
export async function serve(shell: Shell): Promise<number> {
  const server = await startServer(await readConfig(shell))
  shell.out(makeBanner(server))
  // Without this the cache is written only at a clean exit, and a server that is killed never has one.
  flushCompileCache()
  const reload = () =>
    void server.reload().catch((error: Error) => shell.err(`countersign: ${error.message}`))
  process.on('SIGHUP', reload)
  await new Promise((stop) => {
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  })
  await server.close()
  process.off('SIGHUP', reload)
  return 0
}
