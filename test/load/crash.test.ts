import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { openStorage } from '../../src/context.ts'
import { freshNumber, type Reply } from '../support/server.ts'
import { type Installation, makeInstallation, type ServerProcess } from './server-process.ts'

const KILLS = 10
const CLIENTS = 16

/** What the server told one client about one verification before it was killed. */
interface Story {
  to: string
  /** Of the first acknowledged send. */
  sid?: string
  /** Acknowledged. */
  sends: number
  code?: string
  /** `asked`: the right code went out, and no answer came back. */
  approval: 'none' | 'asked' | 'told'
}

/** One client: verification after verification, some sent twice, most checked, until the connection breaks. */
async function live(server: ServerProcess, stories: Story[], acknowledged: () => void): Promise<void> {
  for (;;) {
    const story: Story = { to: freshNumber(), sends: 0, approval: 'none' }
    stories.push(story)
    const sends = 1 + randomInt(2)
    for (let send = 0; send < sends; send++) {
      const { status, body } = await server.startVerification(story.to)
      assert.equal(status, 201)
      story.sid = body.sid
      story.sends++
      acknowledged()
    }
    const [message] = await server.messages(story.to, 20)
    assert.ok(message)
    story.code = message.code
    if (randomInt(3) === 0) continue
    story.approval = 'asked'
    const { body } = await server.check(story.to, story.code)
    assert.equal(body.status, 'approved')
    story.approval = 'told'
    acknowledged()
  }
}

/** Load until a number of answers have come, then SIGKILL in the midst of it. */
async function killUnderLoad(server: ServerProcess): Promise<Story[]> {
  const stories: Story[] = []
  let left = 50 + randomInt(200)
  const { promise: enough, resolve: kill } = Promise.withResolvers<void>()
  const killed = enough.then(() => server.stop('SIGKILL'))
  const acknowledged = () => {
    if (--left === 0) kill()
  }
  const clients = Array.from({ length: CLIENTS }, () =>
    live(server, stories, acknowledged).catch((error: NodeJS.ErrnoException) => {
      // A connection that breaks is the kill; anything else is a fault.
      if (error.code === 'ERR_ASSERTION' || left > 0) throw error
    }),
  )
  await Promise.all([...clients, killed])
  return stories
}

/** Resolves when no send waits any more, of which a killed server may have held the lease. */
async function drain(server: ServerProcess, signal: AbortSignal): Promise<void> {
  let page = '/v2/Attempts?PageSize=1000'
  while (page) {
    signal.throwIfAborted()
    const { body } = await server.get(page)
    const isQueued = body.attempts.some(
      (attempt: Attempt) => attempt.channel_data.message_status === 'queued',
    )
    // The server's time, in another process: it can only be waited for.
    if (isQueued) await new Promise((resolve) => setTimeout(resolve, 200))
    else page = body.meta.next_page_url
  }
}

interface Attempt {
  channel_data: { message_status: string }
}

const isGone = ({ status, body }: Reply) => status === 404 && body.code === 20404

/** What was acknowledged is there. Approves each verification, once; false where none was acknowledged. */
async function judge(server: ServerProcess, { to, sid, sends, code, approval }: Story): Promise<boolean> {
  if (sid === undefined) return false
  const fetched = await server.fetchVerification(sid)
  if (approval === 'told') {
    assert.ok(isGone(fetched), `${sid} was approved and is ${fetched.body.status} again`)
  } else if (approval === 'none' || !isGone(fetched)) {
    assert.deepEqual([fetched.status, fetched.body.status], [200, 'pending'], `${sid} is lost`)
    const kept = fetched.body.send_code_attempts.length
    const messages = (await server.messages(to)).filter(({ verification_sid }) => verification_sid === sid)
    assert.ok(kept >= sends, `${sid}: ${sends} sends acknowledged, ${kept} kept`)
    assert.ok(messages.length >= kept, `${sid}: ${kept} sends kept, ${messages.length} messages came`)
    const checked = await server.check(to, messages[0]?.code ?? '')
    assert.equal(checked.body.status, 'approved', `${sid}: its code is lost`)
  }
  if (code) assert.ok(isGone(await server.check(to, code)), `${sid} was approved twice`)
  return true
}

/** What a stopped server leaves in its database. */
async function readDatabase({ env, dataDir }: Installation) {
  const config = await loadConfig(env, dataDir, (path) => readFile(path, 'utf8'))
  const storage = await openStorage(config)
  try {
    const count = async (rows: Promise<{ n: number } | undefined>) => (await rows)?.n
    const { read } = storage.system
    return {
      queued: await count(read.get`select count(*) as n from attempt where due_at is not null`),
      approved: await count(read.get`select count(*) as n from verification where status = 'approved'`),
      converted: await count(read.get`select count(*) as n from attempt where converted = 1`),
      approvedAndOpen: await count(
        read.get`select count(*) as n from verification where status = 'approved' and open = 1`,
      ),
    }
  } finally {
    await storage.close()
  }
}

test(`nothing acknowledged is lost by ${KILLS} kills under load`, { timeout: 180_000 }, async (t) => {
  const installation = await makeInstallation()
  try {
    let server = await installation.start()
    const rounds: Story[][] = []
    for (let round = 0; round < KILLS; round++) {
      rounds.push(await killUnderLoad(server))
      server = await installation.start()
      // Those that were told are looked at in the first moment after the start as well.
      const told = rounds.flat().filter(({ approval }) => approval === 'told')
      for (const { sid = '' } of told.slice(-5)) assert.ok(isGone(await server.fetchVerification(sid)))
    }
    await drain(server, t.signal)
    const stories = rounds.flat()
    const judged = await Promise.all(stories.map((story) => judge(server, story)))
    await server.stop('SIGTERM')
    const total = judged.filter(Boolean).length
    assert.ok(total > KILLS * CLIENTS)
    assert.deepEqual(await readDatabase(installation), {
      queued: 0,
      approved: total,
      converted: total,
      approvedAndOpen: 0,
    })
  } finally {
    await installation.remove()
  }
})
