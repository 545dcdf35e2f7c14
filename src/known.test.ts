// What only PostgreSQL needs: several nodes.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { postgresUrl } from '../test/support/engines.ts'
import { testServer } from '../test/support/server.ts'
import { findAccount, updateAccount } from './accounts/accounts/store.ts'
import { keepKnown } from './known.ts'
import type { Read, Storage } from './storage/storage.ts'
import { findService, updateSettings } from './verify/services/store.ts'

/** One of several nodes on a storage. */
function openNode(storage: Storage) {
  let slow: { statement: string; answered: () => void; released: Promise<void> } | undefined
  const asked: string[] = []
  /** Through a line on which an answer may be held up. */
  async function pass<T>([text]: TemplateStringsArray, answer: Promise<T>): Promise<T> {
    const statement = String(text).trim()
    asked.push(statement)
    const held = slow && statement.startsWith(slow.statement) ? slow : undefined
    if (held) slow = undefined
    const rows = await answer
    held?.answered()
    await held?.released
    return rows
  }
  const onLine = ({ get, all }: Read): Read => ({
    get: <R>(...query: Parameters<Read['get']>) => pass(query[0], get<R>(...query)),
    all: <R>(...query: Parameters<Read['all']>) => pass(query[0], all<R>(...query)),
  })
  const system = { ...storage.system, read: onLine(storage.system.read) }
  return {
    known: keepKnown({ ...storage, read: onLine(storage.read), system }),
    /** How often it sent a statement that begins so. */
    countAsked: (statement: string) => asked.filter((text) => text.startsWith(statement)).length,
    /** Resolves once the database has answered the next such statement; the answer arrives with `release`. */
    hold(statement: string) {
      let release = () => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      const answered = new Promise<void>((resolve) => {
        slow = { statement, answered: resolve, released }
      })
      return { answered, release }
    },
  }
}

const REVISIONS = 'select a.sid, a.revision'

if (postgresUrl) {
  const serve = async (t: TestContext) => {
    const server = await testServer()
    t.after(() => server.close())
    return { ...server, ...openNode(server.ctx.storage), storage: server.ctx.storage }
  }

  describe('what a slow look-up brings is not kept where it has changed meanwhile:', () => {
    test('a service', async (t) => {
      const { accountSid, serviceSid, storage, known, hold } = await serve(t)
      const { answered, release } = hold('select * from service')
      const slow = known.service(accountSid, serviceSid)
      await answered
      const service = await findService(storage.read, accountSid, serviceSid)
      assert.ok(service)
      const changed = { ...service, settings: { ...service.settings, code_length: 8 }, revision: 2 }
      assert.equal(await storage.write((tx) => updateSettings(tx, changed)), 1)
      await known.principal(accountSid, serviceSid)
      release()
      assert.equal((await slow)?.revision, 1)
      assert.equal((await known.service(accountSid, serviceSid))?.settings.code_length, 8)
    })

    test('an account', async (t) => {
      const { accountSid, storage, known, hold, ...server } = await serve(t)
      const { sid: keySid } = (await server.post('/v1/Keys', { AccountSid: accountSid })).body
      const account = await findAccount(storage.system.read, accountSid)
      assert.ok(account)
      const first = hold('select * from account')
      const slow = known.principal(accountSid, undefined)
      await first.answered
      const suspended = { ...account, status: 'suspended', revision: account.revision + 1 } as const
      assert.equal(await storage.system.write((tx) => updateAccount(tx, suspended)), 1)
      const second = hold('select * from api_key')
      const next = known.principal(keySid, undefined)
      await second.answered
      first.release()
      assert.equal((await slow)?.account.status, 'active')
      second.release()
      assert.equal((await next)?.account.status, 'suspended')
    })

    test('but it is where nothing has changed, however many ask meanwhile', async (t) => {
      const { accountSid, known, hold, countAsked } = await serve(t)
      const first = hold('select * from account')
      const slow = known.principal(accountSid, undefined)
      await first.answered
      const second = hold('select * from account')
      const slower = known.principal(accountSid, undefined)
      await second.answered
      first.release()
      await slow
      assert.equal((await known.principal(accountSid, undefined))?.account.sid, accountSid)
      assert.equal(countAsked('select * from account'), 2)
      second.release()
      await slower
    })
  })

  describe('the revisions', () => {
    test('are asked for once for all requests of a turn', async (t) => {
      const { accountSid, serviceSid, known, countAsked, ...server } = await serve(t)
      const { body: key } = await server.post('/v1/Keys', { AccountSid: accountSid })
      const nobody = `AC${'0'.repeat(32)}`
      const users = [accountSid, key.sid, nobody, key.sid, 'no sid']
      const principals = await Promise.all(users.map((user) => known.principal(user, serviceSid)))
      assert.deepEqual(
        principals.map((principal) => principal && [principal.account.sid, principal.key?.sid]),
        [[accountSid, undefined], [accountSid, key.sid], undefined, [accountSid, key.sid], undefined],
      )
      assert.equal(countAsked(REVISIONS), 1)
    })

    test('tell of what was changed before a request came, though others have asked already', async (t) => {
      const { accountSid, storage, known, hold } = await serve(t)
      const account = (await known.principal(accountSid, undefined))?.account
      assert.ok(account)
      const { answered, release } = hold(REVISIONS)
      const early = known.principal(accountSid, undefined)
      await answered
      const suspended = { ...account, status: 'suspended', revision: account.revision + 1 } as const
      assert.equal(await storage.system.write((tx) => updateAccount(tx, suspended)), 1)
      assert.equal((await known.principal(accountSid, undefined))?.account.status, 'suspended')
      release()
      assert.equal((await early)?.account.status, 'suspended')
      assert.equal((await known.principal(accountSid, undefined))?.account.status, 'suspended')
    })
  })
}
