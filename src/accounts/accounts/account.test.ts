import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { fakeClock } from '../../../test/support/clock.ts'
import { basic, freshNumber, type Reply, type TestServer, testServer } from '../../../test/support/server.ts'
import { findAccount, updateAccount } from './store.ts'

const ACCOUNTS = '/2010-04-01/Accounts'
const codeOf = ({ status, body }: Reply) => [status, body.code]

describe('accounts', () => {
  let server: TestServer
  const clock = fakeClock()
  before(async () => {
    server = await testServer({ clock })
  })
  after(() => server.close())

  const pathOf = (sid: string) => `${ACCOUNTS}/${sid}.json`
  /** A subaccount of the server's account, and the header that its programs send. */
  async function addSubaccount(FriendlyName = 'Team', parent?: string) {
    const { status, body } = await server.post(`${ACCOUNTS}.json`, { FriendlyName }, parent)
    assert.equal(status, 201)
    return { sid: body.sid as string, authorization: basic(body.sid, body.auth_token) }
  }
  const setStatus = (sid: string, Status: string) => server.post(pathOf(sid), { Status })

  test('a subaccount is shown with its token, which opens it', async () => {
    const { body } = await server.post(`${ACCOUNTS}.json`, { FriendlyName: 'Shop' })
    assert.match(body.auth_token, /^[0-9a-f]{32}$/)
    assert.deepEqual(body, {
      sid: body.sid,
      owner_account_sid: server.accountSid,
      auth_token: body.auth_token,
      friendly_name: 'Shop',
      status: 'active',
      type: 'Full',
      subresource_uris: body.subresource_uris,
      uri: `${ACCOUNTS}/${body.sid}.json`,
      date_created: 'Fri, 20 Nov 2026 12:00:00 +0000',
      date_updated: 'Fri, 20 Nov 2026 12:00:00 +0000',
    })
    assert.equal(body.subresource_uris.keys, `${ACCOUNTS}/${body.sid}/Keys.json`)
    const authorization = basic(body.sid, body.auth_token)
    assert.deepEqual((await server.get(pathOf(body.sid), authorization)).body, body)
    assert.deepEqual((await server.get(pathOf(body.sid))).body, body)
  })

  test('without a name it is called by its time', async () => {
    const { body } = await server.post(`${ACCOUNTS}.json`)
    assert.equal(body.friendly_name, 'SubAccount Created at 2026-11-20T12:00:00.000Z')
  })

  test('an account is its own owner', async () => {
    const { body } = await server.get(pathOf(server.accountSid))
    assert.deepEqual([body.owner_account_sid, body.auth_token], [server.accountSid, server.authToken])
  })

  test('a subaccount makes none of its own, sees none but itself, and does not close itself', async () => {
    const { sid, authorization } = await addSubaccount()
    const denied = [403, 20006]
    assert.deepEqual(codeOf(await server.post(`${ACCOUNTS}.json`, {}, authorization)), denied)
    assert.deepEqual(codeOf(await server.post(pathOf(sid), { Status: 'closed' }, authorization)), denied)
    assert.deepEqual(codeOf(await server.get(pathOf(server.accountSid), authorization)), [404, 20404])
    const { accounts } = (await server.get(`${ACCOUNTS}.json`, authorization)).body
    assert.deepEqual(
      accounts.map((account: { sid: string }) => account.sid),
      [sid],
    )
    const renamed = await server.post(pathOf(sid), { FriendlyName: 'Ours' }, authorization)
    assert.deepEqual([renamed.status, renamed.body.friendly_name], [200, 'Ours'])
  })

  test('the list has the account and its subaccounts, newest first, page by page, filtered', async () => {
    const { authorization } = await addAccount(server.ctx)
    const names = ['One', 'Two', 'Three']
    for (const name of names) {
      await clock.advance('1s')
      await addSubaccount(name, authorization)
    }
    const namesOf = (reply: Reply) =>
      reply.body.accounts.map((account: { friendly_name: string }) => account.friendly_name)
    const first = await server.get(`${ACCOUNTS}.json?PageSize=2`, authorization)
    assert.deepEqual(namesOf(first), ['Three', 'Two'])
    assert.deepEqual([first.body.start, first.body.end, first.body.previous_page_uri], [0, 1, null])
    assert.match(first.body.next_page_uri, /^\/2010-04-01\/Accounts\.json\?PageSize=2&Page=1&PageToken=PA/)
    const second = await server.get(first.body.next_page_uri, authorization)
    assert.deepEqual(namesOf(second), ['One', 'Another'])
    assert.deepEqual([second.body.start, second.body.end, second.body.next_page_uri], [2, 3, null])
    const back = await server.get(second.body.previous_page_uri, authorization)
    assert.deepEqual(namesOf(back), ['Three', 'Two'])
    assert.deepEqual(namesOf(await server.get(`${ACCOUNTS}.json?FriendlyName=Two`, authorization)), ['Two'])
    assert.deepEqual(namesOf(await server.get(`${ACCOUNTS}.json?Status=closed`, authorization)), [])
  })

  test('names of whatever it has are one line of text', async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    const [PhoneNumber, Cidr] = ['+14155550123', '198.51.100.0/24']
    const trigger = { CallbackUrl: 'https://example.com/', UsageCategory: 'sms', TriggerValue: '1' }
    for (const [path, form] of [
      [`${ACCOUNTS}.json`, {}],
      [`${ACCOUNTS}/${sid}/Keys.json`, {}],
      [`${ACCOUNTS}/${sid}/OutgoingCallerIds.json`, { PhoneNumber }],
      [`${ACCOUNTS}/${sid}/Usage/Triggers.json`, trigger],
      [`${ACCOUNTS}/${sid}/IncomingPhoneNumbers.json`, { PhoneNumber }],
      ['/v1/Keys', { AccountSid: sid }],
      ['/v1/IpAccessLists', { Cidr }],
    ] as const) {
      for (const FriendlyName of ['\u001b[2J', 'two\nlines', '\u009b2J', 'x'.repeat(65)]) {
        const { status, body } = await server.post(path, { ...form, FriendlyName }, authorization)
        assert.deepEqual([status, body.message], [400, 'Invalid parameter: FriendlyName'], path)
      }
    }
  })

  test('a suspended account is refused from the answer on, and works again once it is active', async () => {
    const { sid, authorization } = await addSubaccount()
    assert.equal((await server.get('/v2/Services', authorization)).status, 200)
    await clock.advance('1s')
    const { body } = await setStatus(sid, 'suspended')
    assert.deepEqual(
      [body.status, body.date_updated],
      ['suspended', new Date(clock.now()).toUTCString().replace('GMT', '+0000')],
    )
    assert.deepEqual(codeOf(await server.get('/v2/Services', authorization)), [403, 20005])
    await setStatus(sid, 'active')
    assert.equal((await server.get('/v2/Services', authorization)).status, 200)
  })

  test('closing is final', async () => {
    const { sid, authorization } = await addSubaccount()
    await setStatus(sid, 'closed')
    assert.deepEqual(codeOf(await server.get('/v2/Services', authorization)), [403, 20005])
    for (const status of ['active', 'suspended']) {
      assert.deepEqual(codeOf(await setStatus(sid, status)), [409, 20409])
    }
    assert.equal((await server.get(pathOf(sid))).body.status, 'closed')
    const { accounts } = (await server.get(`${ACCOUNTS}.json?Status=closed`)).body
    assert.deepEqual(
      accounts.map((account: { sid: string }) => account.sid),
      [sid],
    )
  })

  test('with its parent a subaccount is suspended as well, its keys too', async () => {
    const parent = await addAccount(server.ctx)
    const { sid, authorization } = await addSubaccount('Team', parent.authorization)
    const key = (await server.post('/v1/Keys', { AccountSid: sid }, authorization)).body
    const ask = async () => [
      codeOf(await server.get('/v2/Services', authorization)),
      codeOf(await server.get('/v2/Services', basic(key.sid, key.secret))),
    ]
    assert.deepEqual(await ask(), [
      [200, undefined],
      [200, undefined],
    ])
    // What an operator does: no account changes its own status.
    const { storage, known } = server.ctx
    const account = await findAccount(storage.system.read, parent.sid)
    assert.ok(account)
    const suspended = { ...account, status: 'suspended' as const, revision: account.revision + 1 }
    await storage.system.write((tx) => updateAccount(tx, suspended))
    known.forgetAccount(parent.sid)
    assert.deepEqual(await ask(), [
      [403, 20005],
      [403, 20005],
    ])
  })

  test('a parent acts for its subaccounts where the path names them, and nowhere else', async () => {
    const { sid, authorization } = await addSubaccount()
    const keys = `${ACCOUNTS}/${sid}/Keys.json`
    const { status, body } = await server.post(keys, { FriendlyName: 'Made by the parent' })
    assert.equal(status, 201)
    assert.equal((await server.get(keys, authorization)).body.keys[0].sid, body.sid)
    assert.equal((await server.get('/v2/Services', basic(body.sid, body.secret))).body.services.length, 0)
    const own = `${ACCOUNTS}/${server.accountSid}/Keys.json`
    assert.deepEqual(codeOf(await server.get(own, authorization)), [404, 20404])
    // Verify's paths name no account: what a subaccount has there is its own.
    const service = (await server.post('/v2/Services', { FriendlyName: 'Theirs' }, authorization)).body
    assert.deepEqual(codeOf(await server.get(`/v2/Services/${service.sid}`)), [404, 20404])
    const start = { To: freshNumber(), Channel: 'sms' }
    const started = await server.post(`/v2/Services/${service.sid}/Verifications`, start, authorization)
    assert.deepEqual([started.status, started.body.account_sid], [201, sid])
  })

  test('for strangers an account is as if it were not there', async () => {
    const stranger = await addAccount(server.ctx)
    const { sid } = await addSubaccount()
    const unknown = `AC${'0'.repeat(32)}`
    for (const given of [server.accountSid, sid, unknown]) {
      for (const path of [`${ACCOUNTS}/${given}`, `${ACCOUNTS}/${given}/Keys`]) {
        const { body } = await server.get(`${path}.json`, stranger.authorization)
        assert.deepEqual(
          [body.code, body.message],
          [20404, `The requested resource /Accounts/${given} was not found`],
        )
      }
    }
    assert.deepEqual(
      codeOf(await server.post(pathOf(sid), { Status: 'closed' }, stranger.authorization)),
      [404, 20404],
    )
  })

  test('renames and changes of status at once: none is lost', async () => {
    const { sid } = await addSubaccount()
    const replies = await Promise.all([
      server.post(pathOf(sid), { FriendlyName: 'New' }),
      setStatus(sid, 'suspended'),
      server.post(pathOf(sid), { FriendlyName: 'New' }),
    ])
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200],
    )
    const { body } = await server.get(pathOf(sid))
    assert.deepEqual([body.friendly_name, body.status], ['New', 'suspended'])
  })

  test('wrong parameters', async () => {
    const { sid } = await addSubaccount()
    assert.deepEqual(codeOf(await setStatus(sid, 'asleep')), [400, 60200])
    assert.deepEqual(codeOf(await server.post(pathOf(sid), { FriendlyName: 'x'.repeat(65) })), [400, 60200])
  })

  test('an account has at most a thousand below it that are not closed', async () => {
    const { sid, authorization } = await addAccount(server.ctx)
    const below = await Promise.all(
      Array.from({ length: 1_000 }, () => addAccount(server.ctx, 'active', 'Full', sid)),
    )
    const add = () => server.post('/2010-04-01/Accounts.json', {}, authorization)
    assert.deepEqual(codeOf(await add()), [409, 20409])
    await server.post(pathOf(below[0]?.sid ?? ''), { Status: 'closed' }, authorization)
    assert.equal((await add()).status, 201)
  })

  test('an event masks a name that is a mailbox', async () => {
    const { sid } = await addSubaccount()
    await server.post(pathOf(sid), { FriendlyName: 'ann.lee@example.com' })
    const { events } = (await server.get(`/v1/Events?EventType=account.updated&ResourceSid=${sid}`)).body
    assert.match(JSON.stringify(events[0]), /a•••@example\.com/)
    assert.doesNotMatch(JSON.stringify(events), /ann\.lee/)
  })
})
