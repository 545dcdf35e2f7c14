#!/usr/bin/env node
// No static imports: an older Node would fail at them, before it could say what it lacks.
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(`countersign needs Node.js 24 or newer; this is ${process.versions.node}`)
  process.exitCode = 1
} else {
  const { enableCompileCache } = await import('node:module')
  enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/countersign`)
  // Only what is imported from here on is cached.
  const { runProgram } = await import('../src/cli/program.ts')
  const shell = { env: process.env, cwd: process.cwd(), out: console.log, err: console.error }
  process.exitCode = await runProgram(shell, process.argv.slice(2))
}

export {}
