/** A folder to run the command line in, and a server of it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { runProgram } from '../../src/cli/program.ts'
import { readConfig } from '../../src/cli/shell.ts'
import { startServer } from '../../src/server.ts'
import { makeTemporaryDirectory } from './engines.ts'
import { basic, makeDatabase } from './server.ts'

/** A folder to run commands in, and a database of its own. */
export async function makePlace(t: TestContext, more: NodeJS.ProcessEnv = {}) {
  const cwd = makeTemporaryDirectory()
  const database = await makeDatabase()
  t.after(database.drop)
  const dataDir = join(cwd, 'data')
  const env = {
    PORT: '0',
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_LOG_LEVEL: 'silent',
    ...database.env,
    ...more,
  }
  const run = async (...args: string[]) => {
    const said = { out: [] as string[], err: [] as string[] }
    const shell = {
      env,
      cwd,
      out: (l: string) => void said.out.push(l),
      err: (l: string) => void said.err.push(l),
    }
    const status = await runProgram(shell, args)
    return { status, out: said.out.join('\n'), err: said.err.join('\n') }
  }
  return {
    cwd,
    dataDir,
    isSqlite: database.env.DATABASE_URL === undefined,
    run,
    /** What a command prints for programs; it has to succeed. */
    async json(...args: string[]) {
      const { status, out, err } = await run(...args, '--json')
      assert.equal(status, 0, `${args.join(' ')}: ${err}`)
      return JSON.parse(out)
    },
    serve: async () => startServer(await readConfig({ env, cwd, out() {}, err() {} })),
  }
}

/** The same, with a server that runs until the test ends. */
export async function startPlace(t: TestContext, more?: NodeJS.ProcessEnv) {
  const place = await makePlace(t, more)
  const server = await place.serve()
  t.after(() => server.close())
  const status = async (user: string, password: string) =>
    (await fetch(`${server.url}/v2/Services`, { headers: { authorization: basic(user, password) } })).status
  return { ...place, server, status }
}
