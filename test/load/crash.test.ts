import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer, type Session } from 'smpp'
import { loadConfig } from '../../src/config.ts'
import { openStorage } from '../../src/context.ts'
import { until } from '../support/carrier.ts'
import { freshNumber, type Reply } from '../support/server.ts'
import { listen } from '../support/smpp-lab.ts'
import { type Installation, makeInstallation, type ServerProcess } from './server-process.ts'

const KILLS = 10
const CLIENTS = 16

/** What the server told one client about one verification before it was killed. */
interface Story {
  to: string
  /** `sms` goes to a carrier, outside every transaction; `call` to the inbox, inside of them. */
  channel: 'sms' | 'call'
  /** Of the first acknowledged send. */
  sid?: string
  /** Acknowledged. */
  sends: number
  code?: string
  /** `asked`: the right code went out, and no answer came back. */
  approval: 'none' | 'asked' | 'told'
}

/** What carriers sms: npm `smpp` in this process, which outlives every kill and remembers what it took. */
async function startCarrier(t: TestContext) {
  const taken = new Map<string, string[]>()
  const sessions = new Set<Session>()
  const server: Server = createServer({}, (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('pdu', (pdu) => {
      if (/^(bind_transceiver|unbind|enquire_link)$/.test(pdu.command)) session.send(pdu.response())
      if (pdu.command !== 'submit_sm') return
      const { destination_addr, short_message } = pdu
      const text = String(typeof short_message === 'string' ? short_message : short_message.message)
      const to = `+${destination_addr}`
      const codes = taken.get(to) ?? []
      codes.push(/\d{6}/.exec(text)?.[0] ?? '')
      taken.set(to, codes)
      session.send(pdu.response({ message_id: `${destination_addr}-${codes.length}` }))
    })
  })
  t.after(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  const file = (port: number) => `
providers:
  carrier: { kind: smpp, host: 127.0.0.1, port: ${port}, system_id: acme, password: secret, source: { addr: Acme },
    throughput_per_s: 10000, window: 100 }
channels: { sms: [carrier], call: [inbox] }
`
  return { file: file(await listen(server)), taken: (to: string) => taken.get(to) ?? [] }
}
type Carrier = Awaited<ReturnType<typeof startCarrier>>

/** One client: verification after verification, some sent twice, most checked, until the connection breaks. */
async function live(
  server: ServerProcess,
  carrier: Carrier,
  stories: Story[],
  acknowledged: () => void,
): Promise<void> {
  for (;;) {
    const channel = randomInt(2) === 0 ? 'sms' : 'call'
    const story: Story = { to: freshNumber(), channel, sends: 0, approval: 'none' }
    stories.push(story)
    const sends = 1 + randomInt(2)
    for (let send = 0; send < sends; send++) {
      const { status, body } = await server.startVerification(story.to, { Channel: channel })
      assert.equal(status, 201)
      story.sid = body.sid
      story.sends++
      acknowledged()
    }
    story.code = await firstCode(server, carrier, story)
    if (randomInt(3) === 0) continue
    story.approval = 'asked'
    const { body } = await server.check(story.to, story.code)
    assert.equal(body.status, 'approved')
    story.approval = 'told'
    acknowledged()
  }
}

async function firstCode(server: ServerProcess, carrier: Carrier, { to, channel }: Story): Promise<string> {
  if (channel === 'call') {
    const [message] = await server.messages(to, 20)
    assert.ok(message)
    return message.code
  }
  // A server that was killed meanwhile will not send it: asking it tells, and ends the client.
  await until(async () => carrier.taken(to).length > 0 || (await server.get('/readyz')).status === 0)
  return carrier.taken(to)[0] as string
}

/** Load until a number of answers have come, then SIGKILL in the midst of it. */
async function killUnderLoad(server: ServerProcess, carrier: Carrier): Promise<Story[]> {
  const stories: Story[] = []
  let left = 50 + randomInt(200)
  const { promise: enough, resolve: kill } = Promise.withResolvers<void>()
  const killed = enough.then(() => server.stop('SIGKILL'))
  const acknowledged = () => {
    if (--left === 0) kill()
  }
  const clients = Array.from({ length: CLIENTS }, () =>
    live(server, carrier, stories, acknowledged).catch((error: NodeJS.ErrnoException) => {
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
async function judge(
  server: ServerProcess,
  carrier: Carrier,
  { to, channel, sid, sends, code, approval }: Story,
): Promise<boolean> {
  if (sid === undefined) return false
  const fetched = await server.fetchVerification(sid)
  if (approval === 'told') {
    assert.ok(isGone(fetched), `${sid} was approved and is ${fetched.body.status} again`)
  } else if (approval === 'none' || !isGone(fetched)) {
    assert.deepEqual([fetched.status, fetched.body.status], [200, 'pending'], `${sid} is lost`)
    const kept = fetched.body.send_code_attempts.length
    const codes =
      channel === 'sms' ? carrier.taken(to) : (await server.messages(to)).map((message) => message.code)
    assert.ok(kept >= sends, `${sid}: ${sends} sends acknowledged, ${kept} kept`)
    assert.ok(codes.length >= kept, `${sid}: ${kept} sends kept, ${codes.length} messages came`)
    assert.equal(new Set(codes).size, 1, `${sid}: one code, however often it is sent`)
    const checked = await server.check(to, codes[0] ?? '')
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
  const carrier = await startCarrier(t)
  const installation = await makeInstallation()
  await writeFile(join(installation.dataDir, 'countersign.yaml'), carrier.file)
  try {
    let server = await installation.start()
    const rounds: Story[][] = []
    for (let round = 0; round < KILLS; round++) {
      rounds.push(await killUnderLoad(server, carrier))
      server = await installation.start()
      // Those that were told are looked at in the first moment after the start as well.
      const told = rounds.flat().filter(({ approval }) => approval === 'told')
      for (const { sid = '' } of told.slice(-5)) assert.ok(isGone(await server.fetchVerification(sid)))
    }
    await drain(server, t.signal)
    const stories = rounds.flat()
    const judged = await Promise.all(stories.map((story) => judge(server, carrier, story)))
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
