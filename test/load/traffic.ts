/** Programs that start and check verifications without a pause, while the credentials they use are exchanged. */
import assert from 'node:assert/strict'
import type { Reply } from '../support/server.ts'
import type { ServerProcess } from './server-process.ts'

/** Turns of one sequence: of any two events it tells which came first. */
const NEVER = Number.POSITIVE_INFINITY

export interface Credential {
  authorization: string
  /** When the answer was here that made it, when its end was asked for, and when the answer to that was here. */
  validFrom: number
  endAsked: number
  endAnswered: number
}

interface Call {
  credential: Credential
  sentAt: number
  answeredAt: number
  status: number
}

export interface Traffic {
  /** A credential that works from now on; the probes begin to try it. */
  issue(authorization: string): Credential
  /** All customers use it from their next call on; resolves when no call with another one is under way. */
  switchTo(credential: Credential): Promise<void>
  /** Runs what ends a credential, noting when; then each node is asked with it. */
  end(credential: Credential, run: () => Promise<unknown>): Promise<void>
  /** Resolves when so many more calls have been answered. */
  after(calls: number): Promise<void>
  /** Resolves when all programs have ended. */
  stop(): Promise<void>
  /** Fails unless each call had the answer it should have; how many there were whose answer was certain. */
  judge(): { good: number; bad: number }
}

const CODE = '918273'
const FORM = { Channel: 'sms', CustomCode: CODE }

/**
 * `customers` each take one number from start to approval, again and again, every call through another node, with the
 * credential of the day. `probes` try every credential there ever was, all the time.
 */
export function startTraffic(
  nodes: readonly ServerProcess[],
  service: string,
  { customers, probes }: { customers: number; probes: number },
): Traffic {
  let turn = 0
  let round = 0
  let running = true
  let current: Credential | undefined
  const issued: Credential[] = []
  const calls: Call[] = []
  const failures: string[] = []
  const underWay = new Map<Promise<Reply>, Credential>()
  let waiting: { at: number; resolve: () => void }[] = []
  const nextNode = () => nodes[round++ % nodes.length] as ServerProcess

  async function call(credential: Credential, send: (node: ServerProcess) => Promise<Reply>): Promise<Reply> {
    const sentAt = ++turn
    const sent = send(nextNode())
    underWay.set(sent, credential)
    try {
      const reply = await sent
      calls.push({ credential, sentAt, answeredAt: ++turn, status: reply.status })
      return reply
    } finally {
      underWay.delete(sent)
      for (const { resolve } of waiting.filter(({ at }) => at <= calls.length)) resolve()
      waiting = waiting.filter(({ at }) => at > calls.length)
    }
  }

  async function beCustomer(to: string): Promise<void> {
    while (running) {
      const post = (path: string, form: Record<string, string>) => {
        const credential = current as Credential
        return call(credential, (node) => node.post(`${service}/${path}`, form, credential.authorization))
      }
      const started = await post('Verifications', { ...FORM, To: to })
      const checked = await post('VerificationCheck', { To: to, Code: CODE })
      if (started.status !== 201 || checked.body.status !== 'approved') {
        failures.push(JSON.stringify([started.status, started.body, checked.status, checked.body]))
      }
    }
  }

  async function beProbe(first: number): Promise<void> {
    for (let n = first; running; n++) {
      const credential = issued[n % issued.length] as Credential
      await call(credential, (node) => node.get(service, credential.authorization))
    }
  }

  let programs: Promise<void>[] = []
  const traffic: Traffic = {
    issue(authorization) {
      const credential = { authorization, validFrom: ++turn, endAsked: NEVER, endAnswered: NEVER }
      issued.push(credential)
      return credential
    },
    async switchTo(credential) {
      current = credential
      if (programs.length === 0) {
        programs = [
          ...Array.from({ length: customers }, (_, n) => beCustomer(`+1212555${4000 + n}`)),
          ...Array.from({ length: probes }, (_, n) => beProbe(n)),
        ]
      }
      const old = [...underWay].filter(([, used]) => used !== credential).map(([sent]) => sent)
      await Promise.all(old)
    },
    async end(credential, run) {
      credential.endAsked = ++turn
      await run()
      credential.endAnswered = ++turn
      const asked = nodes.map((node) => node.get(service, credential.authorization))
      for (const { status } of await Promise.all(asked)) assert.equal(status, 401)
    },
    after: (count) =>
      new Promise((resolve) => {
        waiting.push({ at: calls.length + count, resolve })
      }),
    async stop() {
      running = false
      await Promise.all(programs)
    },
    judge() {
      assert.deepEqual(failures, [])
      const good = calls.filter(({ credential, sentAt, answeredAt }) => {
        return sentAt > credential.validFrom && answeredAt < credential.endAsked
      })
      const bad = calls.filter(({ credential, sentAt }) => sentAt > credential.endAnswered)
      assert.deepEqual(
        good.filter(({ status }) => status >= 400),
        [],
        'good calls were refused',
      )
      assert.deepEqual(
        bad.filter(({ status }) => status !== 401),
        [],
        'calls with what had ended were accepted',
      )
      return { good: good.length, bad: bad.length }
    },
  }
  return traffic
}
