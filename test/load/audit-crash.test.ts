import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { basic, freshNumber } from '../support/server.ts'
import { makeInstallation, type ServerProcess } from './server-process.ts'

const KILLS = 3
const CLIENTS = 8
const COMMAND = resolve(import.meta.dirname, '../../bin/countersign.ts')

const headsOf = (server: ServerProcess) =>
  [...server.log().matchAll(/"audit_head":"(\d+:[0-9a-f]+)"/g)].map(([, head = '']) => head)

/** Changes until the sealer has been at work beside them, then SIGKILL; resolves to the sids that were told. */
async function killWhileSealing(server: ServerProcess): Promise<string[]> {
  const told: string[] = []
  let stopping: Promise<void> | undefined
  let left = 50
  const client = async () => {
    for (;;) {
      const { status, body } = await server.post('/v2/Services', { FriendlyName: 'Kept' })
      assert.equal(status, 201)
      told.push(body.sid)
      if (headsOf(server).length > 0 && --left === 0) stopping = server.stop('SIGKILL')
    }
  }
  await Promise.allSettled(Array.from({ length: CLIENTS }, client))
  assert.ok(stopping, 'it was killed, and did not break by itself')
  await stopping
  return told
}

test('after a SIGKILL each change that was told has its one event, and the chain is whole', async (t) => {
  const installation = await makeInstallation()
  t.after(() => installation.remove())
  const told: string[] = []
  const heads: string[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await installation.start()
    told.push(...(await killWhileSealing(server)))
    heads.push(...headsOf(server))
  }
  // It answers the command line from here on.
  await installation.start()
  const run = async (...args: string[]) =>
    (
      await promisify(execFile)(process.execPath, [COMMAND, 'audit', ...args], {
        env: installation.env,
        cwd: installation.dataDir,
        maxBuffer: 1 << 28,
      })
    ).stdout
  const events = (await run('export')).split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []))
  const created = events
    .filter(({ event_type }) => event_type === 'verify-service.created')
    .map(({ resource_sid }) => resource_sid)
  assert.equal(new Set(created).size, created.length)
  assert.deepEqual(
    told.filter((sid) => !created.includes(sid)),
    [],
  )
  assert.ok(heads.length >= KILLS)
  for (const head of [heads[0], heads.at(-1)]) {
    const verdict = JSON.parse(await run('verify', '--json', '--head', head ?? ''))
    assert.deepEqual(verdict.problems, [])
  }
})

test('a SIGTERM loses nothing of what is counted for a minute: refused log-ins, what a key may not do, reads of codes', async (t) => {
  const installation = await makeInstallation()
  t.after(() => installation.remove())
  const server = await installation.start()
  const form = {
    AccountSid: installation.accountSid,
    KeyType: 'restricted',
    Policy: '{"allow":["/twilio/verify/services/create"]}',
  }
  const { sid, secret } = (await server.post('/v1/Keys', form)).body
  const to = freshNumber()
  await server.startVerification(to)
  for (let n = 0; n < 3; n++) {
    assert.equal((await server.get('/v2/Services', basic(installation.accountSid, 'wrong'))).status, 401)
    assert.equal((await server.get('/v2/Services', basic(sid, secret))).status, 403)
    assert.equal((await server.messages(to, 10)).length, 1)
  }
  await server.stop('SIGTERM')
  const restarted = await installation.start()
  const countOf = async (type: string) => {
    const { events } = (await restarted.get(`/v1/Events?EventType=${type}`)).body
    return events.reduce(
      (sum: number, event: { event_data: { count: number } }) => sum + event.event_data.count,
      0,
    )
  }
  const counts = await Promise.all(['login.refused', 'permission.denied', 'inbox.read'].map(countOf))
  assert.deepEqual(counts, [3, 3, 3])
})
