/**
 * What may not be told from how long an answer takes. Elsewhere no test asserts on time; here the time is the promise.
 * So nothing is compared with a clock, only calls with each other: in random order, by statistics, and what differs
 * has to differ three times.
 */
import assert from 'node:assert/strict'
import { hash, randomBytes, randomInt } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { matchesAuthToken } from '../../src/accounts/accounts/account.ts'
import { authenticate } from '../../src/accounts/authenticate.ts'
import { matchesSecret } from '../../src/accounts/keys/key.ts'
import type { Context } from '../../src/context.ts'
import { runBackground } from '../../src/operations/background.ts'
import { checkVerification } from '../../src/verify/checks/check.ts'
import { sameCode } from '../../src/verify/verifications/code.ts'
import { addAccount } from '../support/account.ts'
import { type TimerlessClock, timerlessClock } from '../support/clock.ts'
import { postgresUrl } from '../support/engines.ts'
import { basic, freshNumber, type TestServer, testServer } from '../support/server.ts'
import { differs, findAnyTime, findEachTime, type Ready, type Sample, timeKinds } from './timing.ts'

const DECIMAL = '0123456789'
const HEX = `${DECIMAL}abcdef`
const digest = (text: string) => hash('sha256', text, 'buffer')
const draw = (alphabet: string, length: number) =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')

/** A guess that agrees with a secret in its first `right` places, and in no other. */
const guess = (secret: string, alphabet: string, right: number) =>
  [...secret]
    .map((sign, at) => {
      const other = alphabet.indexOf(sign) + 1 + randomInt(alphabet.length - 1)
      return at < right ? sign : alphabet[other % alphabet.length]
    })
    .join('')

type Compare = (secret: string, guess: string) => boolean

const COMPARISONS = 100_000
/** A second where the machine is idle. */
const PATIENT = { timeout: 120_000 }

/** What once tells a guess that is wrong throughout from one that is right but for its last place. */
async function findBetrayal(compare: Compare, alphabet: string, length: number): Promise<readonly string[]> {
  const secret = draw(alphabet, length)
  const guessing =
    (right: number): Ready =>
    () => {
      const given = guess(secret, alphabet, right)
      return () => compare(secret, given)
    }
  const { none, most } = await timeKinds({ none: guessing(0), most: guessing(length - 1) }, COMPARISONS)
  return differs(none, most) ? ['prefix'] : []
}

async function betrays(...of: Parameters<typeof findBetrayal>): Promise<boolean> {
  return (await findEachTime(() => findBetrayal(...of))).length > 0
}

async function isSeen(...of: Parameters<typeof findBetrayal>): Promise<boolean> {
  return (await findAnyTime(() => findBetrayal(...of))).length > 0
}

/** Stops at the first difference. */
function compareNaively(a: string, b: string): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return a.length === b.length
}

// Nothing of it asks the database, so it need not be told twice.
if (!postgresUrl)
  describe('how long a comparison takes does not tell how much of a guess is right:', () => {
    test('a code', PATIENT, async () => {
      assert.equal(await betrays(sameCode, DECIMAL, 6), false)
    })

    test('an auth token', PATIENT, async () => {
      const account = { authTokenHash: digest(''), secondary: null }
      const compare: Compare = (token, given) => {
        account.authTokenHash = digest(token)
        return matchesAuthToken(account, given)
      }
      assert.equal(await betrays(compare, HEX, 32), false)
    })

    test('the secret of a key', PATIENT, async () => {
      const compare: Compare = (secret, given) => matchesSecret({ secretHash: digest(secret) }, given)
      assert.equal(await betrays(compare, HEX, 32), false)
    })

    test('of one that stops at the first difference it does, for a code of six digits', PATIENT, async () => {
      assert.equal(await isSeen(compareNaively, DECIMAL, 6), true)
    })

    test(
      'also where digests are made first, for a token: their noise does not hide so much',
      PATIENT,
      async () => {
        const compare: Compare = (secret, given) =>
          digest(secret).length === digest(given).length && compareNaively(secret, given)
        assert.equal(await isSeen(compare, HEX, 32), true)
      },
    )
  })

/** Of a call. What remains below it, docs/security.md tells. */
const BAND = 0.1
const CALLS = 4_000

/** The kinds that differ from the first by more than the band, in the statistics too. */
const findOutside = (kinds: Record<string, Ready>, find = findEachTime<string>) =>
  find(async () => {
    const [[, first], ...others] = Object.entries(await timeKinds(kinds, CALLS)) as [
      [string, Sample],
      ...[string, Sample][],
    ]
    return others
      .filter(([, { meanNs }]) => Math.abs(meanNs - first.meanNs) > BAND * first.meanNs)
      .flatMap(([name, sample]) => (differs(first, sample) ? [name] : []))
  })

/** Rejects unless a call is refused with the status. */
async function refused(call: Promise<unknown>, status: number): Promise<void> {
  const outcome = await call.then(
    () => 200,
    (error) => error.status,
  )
  assert.equal(outcome, status)
}

describe('how long a refusal takes does not tell', () => {
  let server: TestServer
  let clock: TimerlessClock
  before(async () => {
    clock = timerlessClock()
    server = await testServer({ clock })
  })
  after(() => server.close())

  /** Wrong secrets for names of all kinds. */
  async function guessLogins(ctx: Context, find?: typeof findEachTime<string>): Promise<readonly string[]> {
    const key = (await server.post('/v1/Keys', { AccountSid: server.accountSid })).body
    const names = {
      nobody: `AC${'7'.repeat(32)}`,
      'no key': `SK${'7'.repeat(32)}`,
      account: (await addAccount(ctx)).sid,
      suspended: (await addAccount(ctx, 'suspended')).sid,
      key: key.sid,
    }
    let calls = 0
    const guessing = (name: string): Ready => {
      return () => {
        const header = basic(name, randomBytes(16).toString('hex'))
        return () => {
          // The limit of one address is ten a minute.
          if (calls++ % 8 === 0) clock.pass(60_000)
          return refused(authenticate(ctx, header, '192.0.2.1', ''), 401)
        }
      }
    }
    return findOutside(
      Object.fromEntries(Object.entries(names).map(([what, name]) => [what, guessing(name)])),
      find,
    )
  }

  test('whether there is such an account or key', PATIENT, async () => {
    assert.deepEqual(await guessLogins(server.ctx), [])
  })

  // On PostgreSQL the noise of a busy machine can hide it from three tries on end.
  if (!postgresUrl)
    test('it would, if only for strangers the database were asked', PATIENT, async () => {
      const hasty = { ...server.ctx, known: { ...server.ctx.known, evenOut: async () => {} } }
      assert.deepEqual([...(await guessLogins(hasty, findAnyTime))].sort(), ['account', 'key', 'suspended'])
    })

  test('whether there was a verification, and what became of it', PATIENT, async () => {
    const [unknown, expired, approved, canceled] = [
      freshNumber(),
      freshNumber(),
      freshNumber(),
      freshNumber(),
    ]
    await server.start(expired)
    clock.pass(601_000)
    await runBackground(server.ctx)
    await server.start(approved)
    assert.equal((await server.check(approved, await server.lastCode(approved))).body.status, 'approved')
    const { sid } = (await server.start(canceled)).body
    await server.post(`/v2/Services/${server.serviceSid}/Verifications/${sid}`, { Status: 'canceled' })
    const checking = (To: string): Ready => {
      const check = () =>
        checkVerification(server.ctx, server.accountSid, server.serviceSid, { To, Code: '000000' })
      return () => () => refused(check(), 404)
    }
    const outside = await findOutside({
      unknown: checking(unknown),
      expired: checking(expired),
      approved: checking(approved),
      canceled: checking(canceled),
    })
    assert.deepEqual(outside, [])
  })
})
