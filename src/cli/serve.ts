import { flushCompileCache } from 'node:module'
import { join, relative } from 'node:path'
import { startServer } from '../server.ts'
import { makeBanner } from './banner.ts'
import { examineSettings } from './examine-settings.ts'
import { closeInheritedDescriptors } from './inherited-descriptors.ts'
import { readConfig, type Shell } from './shell.ts'

/** Serves until SIGTERM or SIGINT, then finishes what is under way; a second signal ends it at once. SIGHUP: certificates and keys anew. */
export async function serve(shell: Shell): Promise<number> {
  closeInheritedDescriptors()
  const config = await readConfig(shell)
  const server = await startServer(config)
  shell.out(makeBanner(server, commandFrom(shell.cwd), config.channels))
  for (const { detail, advice } of examineSettings(config)) shell.err(`countersign: ${detail} (${advice})`)
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

/** How a person who started this calls the command line. */
function commandFrom(cwd: string): string {
  // What is packed is JavaScript; else this is a checkout, started by one of its scripts.
  if (import.meta.filename.endsWith('.ts'))
    return relative(cwd, join(import.meta.dirname, '../../script/countersign'))
  return process.argv[1]?.includes('/node_modules/.bin/') ? 'npx countersign' : 'countersign'
}
