#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/countersign`)
// Only what is imported from here on is cached.
const { runProgram } = await import('../src/cli/program.ts')

const shell = { env: process.env, cwd: process.cwd(), out: console.log, err: console.error }
process.exitCode = await runProgram(shell, process.argv.slice(2))
