/** Tokens, keys and the master key are exchanged under load: nobody who does right is refused, nothing old is accepted. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { ringFile } from '../../src/storage/key-ring.ts'
import { basic, type Reply } from '../support/server.ts'
import { type Installation, makeInstallation, type ServerProcess } from './server-process.ts'
import { startTraffic, type Traffic } from './traffic.ts'

const run = promisify(execFile)
const CLI = resolve(import.meta.dirname, '../../bin/countersign.ts')
const ROTATIONS = 5
const LOAD = { customers: 6, probes: 4 }
/** Answered calls between two steps: whatever a step does, some of each kind meet it. */
const PAUSE = 60
/** Nodes report every five seconds, and both have to, before a key seals and before it is dropped. */
const MASTER_KEY_TIMEOUT_MS = 120_000

const processes = process.env.TEST_DATABASE_URL ? 2 : 1

describe(`rotation under load, ${processes} server process(es)`, () => {
  let installation: Installation
  let nodes: ServerProcess[]
  let dataDirs: string[]
  /** The auth token of the moment. */
  let token: string
  let service: string

  before(async () => {
    // Without a configured key each node has a file of its own, which its commands change.
    installation = await makeInstallation({ env: { COUNTERSIGN_MASTER_KEY: undefined } })
    token = basic(installation.accountSid, installation.authToken)
    dataDirs = [installation.dataDir]
    nodes = [await installation.start()]
    while (nodes.length < processes) {
      const dataDir = mkdtempSync(join(tmpdir(), 'countersign-load-'))
      copyFileSync(ringFile(installation.dataDir), ringFile(dataDir))
      dataDirs.push(dataDir)
      nodes.push(await installation.start({ dataDir }))
    }
    const { body } = await node(0).post('/v2/Services', { FriendlyName: 'Busy', CustomCodeEnabled: 'true' })
    service = `/v2/Services/${body.sid}`
  })
  after(async () => {
    await installation.remove()
    for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true })
  })

  const node = (n: number) => nodes[n % nodes.length] as ServerProcess

  async function expecting(status: number, reply: Promise<Reply>): Promise<Reply['body']> {
    const { status: given, body } = await reply
    assert.equal(given, status, JSON.stringify(body))
    return body
  }

  test('auth tokens: the promote of one is the end of the other, on every node', async () => {
    const traffic = startTraffic(nodes, service, LOAD)
    const judged = await underLoad(traffic, async () => {
      let current = traffic.issue(token)
      await traffic.switchTo(current)
      for (let n = 0; n < ROTATIONS; n++) {
        await traffic.after(PAUSE)
        const made = await expecting(201, node(n).post('/v1/AuthTokens/Secondary', {}, current.authorization))
        const next = traffic.issue(basic(installation.accountSid, made.secondary_auth_token))
        await traffic.after(PAUSE)
        await traffic.switchTo(next)
        const promote = () =>
          expecting(200, node(n + 1).post('/v1/AuthTokens/Promote', {}, next.authorization))
        await traffic.end(current, promote)
        current = next
        token = next.authorization
      }
    })
    assertBothKinds(judged)
  })

  test('API keys: a deleted one opens nothing more, on any node', async () => {
    const traffic = startTraffic(nodes, service, LOAD)
    const make = async (n: number) => {
      const form = { AccountSid: installation.accountSid }
      const { sid, secret } = await expecting(201, node(n).post('/v1/Keys', form, token))
      return { sid, credential: traffic.issue(basic(sid, secret)) }
    }
    const judged = await underLoad(traffic, async () => {
      let current = await make(0)
      await traffic.switchTo(current.credential)
      for (let n = 0; n < ROTATIONS; n++) {
        await traffic.after(PAUSE)
        const next = await make(n)
        await traffic.after(PAUSE)
        await traffic.switchTo(next.credential)
        const remove = () => expecting(204, node(n + 1).del(`/v1/Keys/${current.sid}`, token))
        await traffic.end(current.credential, remove)
        current = next
      }
    })
    assertBothKinds(judged)
  })

  test('a suspended account: refused by every node at once, a key that a node has never seen as well', async () => {
    const accounts = '/2010-04-01/Accounts'
    const team = await expecting(201, node(0).post(`${accounts}.json`, { FriendlyName: 'Team' }, token))
    const theirs = basic(team.sid, team.auth_token)
    // From now on each node keeps the account.
    for (const server of nodes) await expecting(200, server.get('/v2/Services', theirs))
    const key = await expecting(201, node(0).post('/v1/Keys', { AccountSid: team.sid }, theirs))
    await expecting(200, node(0).post(`${accounts}/${team.sid}.json`, { Status: 'suspended' }, token))
    for (const server of nodes) {
      for (const authorization of [basic(key.sid, key.secret), theirs]) {
        const { code } = await expecting(403, server.get('/v2/Services', authorization))
        assert.equal(code, 20005)
      }
    }
  })

  test('the master key: codes of before and after are approved', {
    timeout: MASTER_KEY_TIMEOUT_MS,
  }, async () => {
    const command = async (dataDir: string | undefined, ...args: string[]) => {
      const env = { ...installation.env, COUNTERSIGN_DATA_DIR: dataDir }
      const { stdout } = await run(process.execPath, [CLI, 'master-key', ...args, '--json'], { env })
      return JSON.parse(stdout)
    }
    /** Until the server agrees: it waits for the reports of the other nodes, and for what is sealed anew. */
    const insist = async (dataDir: string | undefined, ...args: string[]): Promise<void> => {
      while (!(await command(dataDir, ...args).then(() => true, refusedFor(/wait|Wait/))))
        await traffic.after(PAUSE)
    }
    const traffic = startTraffic(nodes, service, LOAD)
    const { good } = await underLoad(traffic, async () => {
      await traffic.switchTo(traffic.issue(token))
      const To = '+12125553999'
      const form = { To, Channel: 'sms', CustomCode: '273645' }
      await expecting(201, node(0).post(`${service}/Verifications`, form, token))

      const [first, ...others] = dataDirs
      const { keys } = await command(first, 'status')
      const [old] = keys
      const { added } = await command(first, 'add')
      for (const dataDir of others) await command(dataDir, 'add', '--from', ringFile(installation.dataDir))
      await traffic.after(PAUSE)
      await insist(first, 'activate', added[0])
      for (const dataDir of dataDirs) await insist(dataDir, 'retire', old.id)
      await traffic.after(PAUSE)

      const now = await command(first, 'status')
      assert.deepEqual(
        now.keys.map(({ id, active }: { id: string; active: boolean }) => [id, active]),
        [[added[0], true]],
      )
      const check = { To, Code: '273645' }
      const checked = await expecting(200, node(1).post(`${service}/VerificationCheck`, check, token))
      assert.equal(checked.status, 'approved')
    })
    assert.ok(good > PAUSE)
  })
})

/** False for a refusal that says so; anything else is a failure. */
const refusedFor = (reason: RegExp) => (error: { stderr?: string }) => {
  assert.match(String(error.stderr), reason)
  return false
}

/** What a rotation does while programs work; then judges what they were answered. */
async function underLoad(
  traffic: Traffic,
  rotate: () => Promise<void>,
): Promise<{ good: number; bad: number }> {
  try {
    await rotate()
    await traffic.after(PAUSE)
  } finally {
    await traffic.stop()
  }
  return traffic.judge()
}

function assertBothKinds({ good, bad }: { good: number; bad: number }): void {
  assert.ok(good > ROTATIONS * PAUSE, `${good} good calls`)
  assert.ok(bad > PAUSE, `${bad} bad calls`)
}
