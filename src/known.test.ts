import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { testServer } from '../test/support/server.ts'
import { findAccount, updateAccount } from './accounts/accounts/store.ts'
import { keepKnown } from './known.ts'
import type { Read, Storage } from './storage/storage.ts'
import { findService, updateSettings } from './verify/services/store.ts'

/** One of several nodes on a storage: it asks for revisions, whatever the engine. */
function openNode(storage: Storage) {
  let slow: { statement: string; answered: () => void; released: Promise<void> } | undefined
  const onLine = ({ get, all }: Read): Read => ({
    async get<R>(...asked: Parameters<Read['get']>) {
      const held = slow && asked[0].join('').trim().startsWith(slow.statement) ? slow : undefined
      if (held) slow = undefined
      const row = await get<R>(...asked)
      held?.answered()
      await held?.released
      return row
    },
    all,
  })
  const system = { ...storage.system, read: onLine(storage.system.read) }
  return {
    known: keepKnown({ ...storage, engine: 'postgres', read: onLine(storage.read), system }),
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

describe('what a slow look-up brings is not kept where it has changed meanwhile:', () => {
  const serve = async (t: TestContext) => {
    const server = await testServer()
    t.after(() => server.close())
    return { ...server, ...openNode(server.ctx.storage), storage: server.ctx.storage }
  }

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
})
