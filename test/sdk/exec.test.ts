import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { needs, needsPythonTwilio } from './exec/needs.ts'

const ROOT = join(import.meta.dirname, '../..')
const COUNTERSIGN = join(ROOT, 'bin/countersign.ts')
const client = (name: string) => join(import.meta.dirname, 'exec', name)

let folder: string
let server: ChildProcess
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-exec-sdk-'))
  server = countersign(join(folder, 'data'), 'serve')
  await once(server.stdout as Readable, 'data')
})
after(async () => {
  server.kill()
  await once(server, 'close')
  await rm(folder, { recursive: true })
})

test('twilio-node, with our Node', async () => {
  assert.equal(await exec(process.execPath, client('client-node.cjs'), '+15005550001'), 'pending\n')
})

test('twilio-node, with the Node of this machine', needs('node'), async () => {
  assert.equal(await exec('node', client('client-node.cjs'), '+15005550002'), 'pending\n')
})

test('Node’s own fetch', async () => {
  assert.equal(await exec(process.execPath, client('client-fetch.mjs'), '+15005550003'), 'pending\n')
})

test('Debian’s twilio-python', needsPythonTwilio(), async () => {
  assert.equal(await exec('/usr/bin/python3', client('client.py'), '+15005550004'), 'pending\n')
})

test('Python’s own urllib', needs('python3'), async () => {
  assert.equal(await exec('python3', client('client-urllib.py'), '+15005550005'), 'pending\n')
})

test('Java’s two clients', needs('java'), async () => {
  assert.equal(await exec('java', client('Client.java'), '+15005550006'), 'pending pending\n')
})

test('PHP’s curl', needs('php'), async () => {
  assert.equal(await exec('php', client('client.php'), '+15005550007'), 'pending\n')
})

test('the Twilio CLI', async () => {
  const cli = join(ROOT, 'node_modules/.bin/twilio')
  const created = await exec(
    cli,
    'api:verify:v2:services:create',
    '--friendly-name',
    'From the CLI',
    '-o',
    'json',
  )
  const [service] = JSON.parse(created)
  const listed = JSON.parse(await exec(cli, 'api:verify:v2:services:list', '-o', 'json'))
  assert.ok(listed.some((one: { sid: string }) => one.sid === service.sid))
})

test('the Twilio CLI points a number at a Function', async () => {
  const cli = join(ROOT, 'node_modules/.bin/twilio')
  const number = '+15005550010'
  await exec(cli, 'api:core:incoming-phone-numbers:create', '--phone-number', number, '-o', 'json')
  const smsUrl = 'https://demo-1234-dev.twil.io/sms-reply'
  const update = ['phone-numbers:update', number, '--sms-url', smsUrl, '--sms-method', 'POST']
  await exec(cli, ...update, '-o', 'json')
  const [found] = JSON.parse(await exec(cli, 'phone-numbers:list', '-o', 'json'))
  assert.equal(found.phoneNumber, number)
  const one = JSON.parse(await exec(cli, 'api:core:incoming-phone-numbers:list', '-o', 'json'))
  assert.deepEqual([one[0].phoneNumber, one[0].smsUrl], [number, smsUrl])
})

test('curl, whose answers name Twilio’s hosts', needs('curl'), async () => {
  const body = JSON.parse(await exec('sh', '-c', curl('')))
  assert.match(body.sid, /^VA/)
  assert.equal(body.url, `https://verify.twilio.com/v2/Services/${body.sid}`)
  const page = JSON.parse(await exec('sh', '-c', curl('/Verifications/VE00000000000000000000000000000000')))
  assert.deepEqual([page.code, page.status], [20404, 404])
})

test('the server that runs is used, and one is started where none runs', needs('curl'), async () => {
  const running = JSON.parse(await exec('sh', '-c', curl('')))
  const dataDir = join(folder, 'another')
  const own = JSON.parse(await execIn(dataDir, 'sh', '-c', curl('')))
  const again = JSON.parse(await execIn(dataDir, 'sh', '-c', curl('')))
  assert.notEqual(own.sid, running.sid)
  assert.equal(again.sid, own.sid)
  assert.equal(server.exitCode, null)
})

test('a signal ends the command, and with it the server that was started for it', async () => {
  const dataDir = join(folder, 'another')
  const program = 'console.log("ready"); setInterval(() => {}, 1e6)'
  const child = countersign(dataDir, 'exec', '--', process.execPath, '-e', program)
  child.stdout?.once('data', () => child.kill('SIGTERM'))
  const [status] = await once(child, 'close')
  assert.equal(status, 128 + constants.signals.SIGTERM)
  assert.equal((await readdir(dataDir)).includes('server.json'), false)
})

const curl = (path: string) =>
  `curl -sS -u "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN" "https://verify.twilio.com/v2/Services/$VERIFICATION_SID${path}"`

function countersign(dataDir: string, ...args: string[]): ChildProcess {
  const env = {
    ...process.env,
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    PORT: '0',
    COUNTERSIGN_DATA_DIR: dataDir,
  }
  return spawn(process.execPath, [COUNTERSIGN, ...args], { cwd: folder, env })
}

const exec = (...command: string[]) => execIn(join(folder, 'data'), ...command)

/** What the command wrote; fails, with what it complained of, unless its status was 0. */
async function execIn(dataDir: string, ...command: string[]): Promise<string> {
  const child = countersign(dataDir, 'exec', '--', ...command)
  const [[status], out, complaints] = await Promise.all([
    once(child, 'close'),
    text(child.stdout as Readable),
    text(child.stderr as Readable),
  ])
  assert.equal(status, 0, complaints)
  return out
}
