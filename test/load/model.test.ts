import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'node:test'
import type { Clock } from '../../src/clock.ts'
import { freshNumber, type Reply, type TestServer, testServer } from '../support/server.ts'
import { type Answer, type Exchange, explain, free, type Operation, type State } from './model.ts'

const GROUPS = 10_000
/** Of one process each with its own memory: several only where the database is shared. */
const NODES = process.env.TEST_DATABASE_URL ? 2 : 1
const RECIPIENTS = 3
const CODES = ['1111', '2222', '3333'] as const
const SEED = Number(process.env.MODEL_SEED ?? randomInt(2 ** 31))

/** A sequence that its seed repeats (mulberry32). */
function seeded(seed: number) {
  let state = seed
  const draw = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (max: number) => Math.floor(draw() * max)
  return { int, one: <T>(of: readonly T[]) => of[int(of.length)] as T }
}

type Dice = ReturnType<typeof seeded>

function drawOperation({ int, one }: Dice, sids: readonly string[]): Operation {
  // By recipient, by the newest sid, or by one that may be long gone.
  const sid = [undefined, undefined, sids.at(-1), one(sids)][int(4)]
  const named = sid === undefined ? {} : { sid }
  const kind = int(20)
  if (kind < 5) return { kind: 'start', ...(int(3) > 0 && { code: one(CODES) }) }
  if (kind < 15) return { kind: 'check', code: one(CODES), ...named }
  if (kind < 16) return { kind: 'update', status: one(['approved', 'canceled']), ...named }
  return { kind: 'fetch', ...named }
}

/** One to four at once; the clock goes on only beside operations that do not begin a life. */
function drawGroup(dice: Dice, sids: readonly string[]): Operation[] {
  const group = Array.from({ length: 1 + dice.int(4) }, () => drawOperation(dice, sids))
  const goesOn = dice.int(12) === 0 && group.every(({ kind }) => kind !== 'start')
  return goesOn
    ? [...group.slice(1), { kind: 'advance', ms: dice.one([1, 120_000, 599_999, 600_000]) }]
    : group
}

const read = ({ status, body }: Reply): Answer =>
  status < 400
    ? { says: body.status, sid: body.sid, sends: body.send_code_attempts?.length }
    : { says: body.code }

test(`${GROUPS} interleavings on ${NODES} node(s) answer as the model allows`, {
  timeout: 300_000,
}, async () => {
  const dice = seeded(SEED)
  let nowMs = Date.parse('2026-11-20T12:00:00Z')
  const clock: Clock = { now: () => nowMs, after: () => () => {} }
  const key = randomBytes(32).toString('base64')
  const first = await testServer({ clock, env: { COUNTERSIGN_MASTER_KEY: key } })
  const url = first.ctx.config.databaseUrl?.reveal()
  const nodes: TestServer[] = [first]
  while (nodes.length < NODES)
    nodes.push(await testServer({ clock, env: { COUNTERSIGN_MASTER_KEY: key, DATABASE_URL: url } }))
  try {
    const { body: service } = await first.post('/v2/Services', {
      FriendlyName: 'Model',
      CustomCodeEnabled: true,
    })
    const path = `/v2/Services/${service.sid}`
    const people = Array.from({ length: RECIPIENTS }, () => ({
      to: freshNumber(),
      sids: [`VE${'0'.repeat(32)}`],
      states: [free(nowMs)] as readonly State[],
    }))

    async function perform(
      node: TestServer,
      to: string,
      operation: Operation,
      delay: number,
    ): Promise<Answer> {
      if (operation.kind === 'advance') {
        for (let turn = 0; turn < delay; turn++) await new Promise(setImmediate)
        nowMs += operation.ms
        return { says: 'advanced' }
      }
      if (operation.kind === 'start') {
        const code = operation.code && { CustomCode: operation.code }
        return read(await node.post(`${path}/Verifications`, { To: to, Channel: 'sms', ...code }))
      }
      const { sid } = operation
      const instance = `${path}/Verifications/${sid ?? encodeURIComponent(to)}`
      if (operation.kind === 'fetch') return read(await node.get(instance))
      if (operation.kind === 'update') return read(await node.post(instance, { Status: operation.status }))
      const target = sid === undefined ? { To: to } : { VerificationSid: sid }
      return read(await node.post(`${path}/VerificationCheck`, { ...target, Code: operation.code }))
    }

    const seen = new Map<string | number, number>()
    const used = new Set<string>()
    for (let group = 0; group < GROUPS; group++) {
      const person = dice.one(people)
      const operations = drawGroup(dice, person.sids)
      const from = nowMs
      const answers = await Promise.all(
        operations.map((operation) => perform(dice.one(nodes), person.to, operation, dice.int(4))),
      )
      const exchanges = operations.map((operation, index): Exchange => [operation, answers[index] as Answer])
      for (const [{ kind }, { says, sid, sends }] of exchanges) {
        seen.set(`${kind} ${says}`, (seen.get(`${kind} ${says}`) ?? 0) + 1)
        if (kind !== 'start' || sid === undefined || sends !== 1) continue
        assert.ok(!used.has(sid), `${sid} began twice (seed ${SEED}, group ${group})`)
        used.add(sid)
        person.sids = [...person.sids.slice(-5), sid]
      }
      // The others' clocks went on as well.
      const before = person.states.map((state) => ({ ...state, nowMs: from }))
      person.states = explain(before, exchanges)
      assert.ok(
        person.states.length > 0,
        `seed ${SEED}, group ${group}: no order explains\n${JSON.stringify({ before, exchanges }, null, 1)}`,
      )
    }
    // A walk that never met an answer proves nothing about it.
    for (const answer of [
      ...['start pending', 'start 60202', 'start 60203', 'check approved', 'check pending', 'check 60202'],
      ...['check 20404', 'update approved', 'update canceled', 'update 20404', 'fetch pending'],
      ...['fetch max_attempts_reached', 'fetch 20404', 'advance advanced'],
    ])
      assert.ok((seen.get(answer) ?? 0) >= 20, `${answer} came ${seen.get(answer) ?? 0} times`)
  } finally {
    for (const node of nodes.reverse()) await node.close()
  }
})
