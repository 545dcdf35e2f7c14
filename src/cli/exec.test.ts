import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'

const MAIN = join(import.meta.dirname, '../../test/sdk/exec/main.ts')
const server = createServer((request, response) => response.end(`${request.headers.host}${request.url}`))

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-exec-test-'))
  await mkdir(join(folder, 'tmp'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
after(async () => {
  server.close()
  await rm(folder, { recursive: true })
})

test('the exit status is the command’s', async () => {
  assert.equal((await run('sh', '-c', 'exit 0')).status, 0)
  assert.equal((await run('sh', '-c', 'exit 7')).status, 7)
  assert.equal((await run('sh', '-c', 'kill -KILL $$')).status, 137)
})

test('a command that cannot be run is told apart from one that does not exist', async () => {
  const file = join(folder, 'not-executable')
  await writeFile(file, '')
  const refused = await run(file)
  assert.deepEqual(
    [refused.status, refused.err],
    [126, `countersign exec: ${file}: cannot be run (EACCES)\nserver let go\n`],
  )
  const missing = await run('no-such-command')
  assert.deepEqual(
    [missing.status, missing.err],
    [127, 'countersign exec: no-such-command: not found\nserver let go\n'],
  )
})

test('arguments, input and output are passed on as they are', async () => {
  const { child, result } = start(
    'sh',
    '-c',
    'printf "%s|" "$@"; cat',
    'sh',
    'two words',
    '',
    '--flag',
    '"*"',
  )
  child.stdin?.end('typed')
  assert.equal((await result).out, 'two words||--flag|"*"|typed')
})

test('signals go to the command, which may handle them', async () => {
  const handles =
    'process.on("SIGTERM", () => process.exit(5)); console.log("ready"); setInterval(() => {}, 1e6)'
  assert.equal(await signalled('SIGTERM', handles), 5)
  assert.equal(await signalled('SIGINT', 'console.log("ready"); setInterval(() => {}, 1e6)'), 130)
})

test('a command reaches the server as Twilio, and finds who it is in its environment', async () => {
  const program = `const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_VERIFY_SERVICE_SID, VERIFICATION_SID } = process.env
    const reply = await fetch('https://verify.twilio.com/v2/Services')
    console.log(await reply.text(), TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_VERIFY_SERVICE_SID, VERIFICATION_SID)`
  const { out, status } = await run(process.execPath, '--input-type=module', '-e', program)
  const service = `VA${'c'.repeat(32)}`
  const identity = `AC${'a'.repeat(32)} ${'b'.repeat(32)} ${service} ${service}`
  assert.deepEqual([status, out], [0, `verify.twilio.com/v2/Services ${identity}\n`])
})

test('afterwards nothing is left but the authority', async () => {
  assert.equal((await run('true')).err, 'server let go\n')
  assert.deepEqual(await readdir(join(folder, 'tmp')), [])
  assert.deepEqual(await readdir(join(folder, 'data')), ['ca'])
})

function start(...command: string[]): { child: ChildProcess; result: Promise<Result> } {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = { ...process.env, TMPDIR: join(folder, 'tmp') }
  const child = spawn(process.execPath, [MAIN, url, join(folder, 'data'), ...command], { env })
  return { child, result: collect(child) }
}

interface Result {
  status: number | null
  out: string
  err: string
}

async function collect(child: ChildProcess): Promise<Result> {
  const [[status], out, err] = await Promise.all([
    once(child, 'close'),
    text(child.stdout as Readable),
    text(child.stderr as Readable),
  ])
  return { status, out, err }
}

function run(...command: string[]): Promise<Result> {
  return start(...command).result
}

/** The exit status after a signal to `exec`, once `program` has said that it is ready. */
async function signalled(signal: NodeJS.Signals, program: string): Promise<number | null> {
  const { child, result } = start(process.execPath, '-e', program)
  child.stdout?.once('data', () => child.kill(signal))
  return (await result).status
}
