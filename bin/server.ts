import { enableCompileCache } from 'node:module'

enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/countersign`)
// Only what is imported from here on is cached.
const { run } = await import('../src/cli/shell.ts')
const { serve } = await import('../src/cli/serve.ts')

const shell = { env: process.env, cwd: process.cwd(), out: console.log, err: console.error }
const [argument] = process.argv.slice(2)
if (argument === undefined) {
  process.exitCode = await run(shell, serve)
} else {
  shell.err(
    `countersign: ${argument}: the server takes no arguments, its settings are in docs/configuration.md`,
  )
  process.exitCode = 2
}
