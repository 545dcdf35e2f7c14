import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { freshNumber, type Reply } from '../support/server.ts'
import { type Installation, makeInstallation, type ServerProcess } from './server-process.ts'

const databaseUrl = process.env.TEST_DATABASE_URL

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i))
const wrongFor = (code: string) => (code === '000000' ? '111111' : '000000')
const saying = (replies: readonly Reply[], status: number, code?: number) =>
  replies.filter(({ status: s, body }) => s === status && (code === undefined || body.code === code))

for (const processes of databaseUrl ? [1, 2] : [1]) {
  describe(`races over HTTP, ${processes} server process(es)`, () => {
    let installation: Installation
    let nodes: ServerProcess[]
    const node = (index: number) => nodes[index % nodes.length] as ServerProcess
    before(async () => {
      installation = await makeInstallation()
      // One after the other: the first makes the account.
      nodes = []
      while (nodes.length < processes) nodes.push(await installation.start())
    })
    after(() => installation.remove())

    /** A verification under way, and its code. */
    async function begin(to = freshNumber()) {
      const { status, body } = await node(0).startVerification(to)
      assert.equal(status, 201)
      const [message] = await node(0).messages(to, 20)
      assert.ok(message)
      return { to, sid: body.sid as string, code: message.code }
    }

    test('50 right checks of one code: one approval', async () => {
      const { to, sid, code } = await begin()
      const replies = await Promise.all(times(50, (i) => node(i).check(to, code)))
      const [approved, ...more] = saying(replies, 200)
      assert.deepEqual([approved?.body.status, approved?.body.sid, more.length], ['approved', sid, 0])
      assert.equal(saying(replies, 404, 20404).length, 49)
    })

    test('1,000 wrong checks: five are evaluated, and then the right one is not', async () => {
      const { to, code } = await begin()
      const replies = await Promise.all(times(1_000, (i) => node(i).check(to, wrongFor(code))))
      assert.equal(saying(replies, 200).length, 5)
      assert.equal(saying(replies, 429, 60202).length, 995)
      for (const server of nodes) assert.equal((await server.check(to, code)).body.code, 60202)
    })

    test('six sends: still five guesses in all', async () => {
      const { to, sid, code } = await begin()
      const guess = (count: number) => Promise.all(times(count, (i) => node(i).check(to, wrongFor(code))))
      assert.equal(saying(await guess(2), 200).length, 2)
      const sends = await Promise.all(times(5, (i) => node(i).startVerification(to)))
      assert.deepEqual([saying(sends, 201).length, saying(sends, 429, 60203).length], [4, 1])
      assert.ok(saying(sends, 201).every(({ body }) => body.sid === sid))
      const guesses = await guess(40)
      assert.deepEqual([saying(guesses, 200).length, saying(guesses, 429, 60202).length], [3, 37])
    })

    test('ten sends at once: five go out', async () => {
      const to = freshNumber()
      const replies = await Promise.all(times(10, (i) => node(i).startVerification(to)))
      const sent = saying(replies, 201)
      assert.equal(new Set(sent.map(({ body }) => body.sid)).size, 1)
      assert.deepEqual(sent.map(({ body }) => body.send_code_attempts.length).sort(), [1, 2, 3, 4, 5])
      assert.equal(saying(replies, 429, 60203).length, 5)
    })

    test('40 creates at once: one SID', async () => {
      const to = freshNumber()
      const replies = await Promise.all(times(40, (i) => node(i).startVerification(to)))
      const sids = new Set(saying(replies, 201).map(({ body }) => body.sid))
      assert.equal(sids.size, 1)
      assert.equal(saying(replies, 429, 60203).length, 35)
      const fetched = await node(1).fetchVerification(to)
      assert.deepEqual([fetched.body.sid, fetched.body.send_code_attempts.length], [[...sids][0], 5])
    })

    test('creates and right checks at once: each verification is approved once', async () => {
      const { to, code } = await begin()
      const replies = await Promise.all([
        ...times(20, (i) => node(i).check(to, code)),
        ...times(4, (i) => node(i).startVerification(to)),
        ...times(20, (i) => node(i).check(to, code)),
      ])
      const approvals = replies.filter(({ body }) => body.status === 'approved').map(({ body }) => body.sid)
      assert.equal(approvals.length, 1)
    })

    test('a flood upon one number ends after the checks of all others', async () => {
      const { to, code } = await begin()
      const others = await Promise.all(times(50, () => begin()))
      const order: string[] = []
      // 50 connections, each with 20 guesses one after the other.
      const flood = times(50, async (i) => {
        for (let guess = 0; guess < 20; guess++) {
          assert.ok([200, 429].includes((await node(i).check(to, wrongFor(code))).status))
          order.push('flood')
        }
      })
      const checks = others.map(async (other, i) => {
        assert.equal((await node(i).check(other.to, other.code)).body.status, 'approved')
        order.push('other')
      })
      await Promise.all([...flood, ...checks])
      assert.equal(order.length, 1_050)
      assert.ok(order.lastIndexOf('other') < order.lastIndexOf('flood'))
    })

    test('guesses of an older verification are told apart from those of the newest, amid a flood', async () => {
      const older = await begin()
      const path = `/v2/Services/${node(0).serviceSid}`
      await node(0).post(`${path}/Verifications/${older.sid}`, { Status: 'canceled' })
      const { to, code } = await begin(older.to)
      const byOlder = { VerificationSid: older.sid, Code: code }
      const [flood, rest] = await Promise.all([
        Promise.all(times(50, (i) => node(i).check(to, wrongFor(code)))),
        Promise.all(times(50, (i) => node(i).post(`${path}/VerificationCheck`, byOlder))),
      ])
      assert.equal(saying(flood, 200).length, 5)
      assert.equal(saying(rest, 404, 20404).length, 50)
    })

    test('a recipient freed through another process is not held up by guesses of what went before', async () => {
      const { to, sid, code } = await begin()
      const guess = () =>
        node(0).post(`/v2/Services/${node(0).serviceSid}/VerificationCheck`, {
          VerificationSid: sid,
          Code: wrongFor(code),
        })
      for (let guesses = 0; guesses < 5; guesses++) assert.equal((await guess()).status, 200)
      let flooding = true
      const flood = times(20, async () => {
        while (flooding) await guess()
      })
      try {
        assert.equal((await guess()).body.code, 60202)
        const other = node(1)
        await other.post(`/v2/Services/${other.serviceSid}/Verifications/${sid}`, { Status: 'canceled' })
        assert.equal((await other.startVerification(to)).status, 201)
        assert.equal((await node(0).check(to, '0000')).body.status, 'pending')
      } finally {
        flooding = false
        await Promise.all(flood)
      }
    })

    if (databaseUrl) {
      test('while one row is locked and 400 guesses wait for it, checks of other numbers are answered', async (t) => {
        const { to, sid, code } = await begin()
        const others = await Promise.all(times(50, () => begin()))
        const holder = new pg.Client({ connectionString: installation.env.DATABASE_URL })
        await holder.connect()
        try {
          await holder.query('begin')
          await holder.query('select 1 from verification where sid = $1 for update', [sid])
          const flood = Promise.all(times(400, (i) => node(i).check(to, wrongFor(code))))
          flood.catch(() => {}) // what fails first is told
          await waitForLock(holder, t.signal)
          const checks = await Promise.all(others.map((other, i) => node(i).check(other.to, other.code)))
          assert.ok(checks.every(({ body }) => body.status === 'approved'))
          await holder.query('commit')
          const replies = await flood
          // 503 is for those whose turn came while the row was held longer than a unit waits.
          assert.equal(saying(replies, 200).length, 5)
          assert.equal(saying(replies, 429, 60202).length + saying(replies, 503, 20503).length, 395)
        } finally {
          await holder.end()
        }
      })
    }
  })
}

/** Resolves when a server's unit waits for the row that `holder` has. */
async function waitForLock(holder: pg.Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { rows } = await holder.query(
      `select 1 from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))`,
    )
    if (rows.length > 0) return
    signal.throwIfAborted()
  }
}
