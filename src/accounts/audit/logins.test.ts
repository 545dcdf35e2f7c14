import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { addAccount } from '../../../test/support/account.ts'
import { type FakeClock, fakeClock, timerlessClock } from '../../../test/support/clock.ts'
import { basic, type Form, freshNumber, type TestServer, testServer } from '../../../test/support/server.ts'
import { runRecords } from '../../operations/background.ts'
import type { Read, Storage } from '../../storage/storage.ts'
import { keepLogins } from './logins.ts'

async function serve(t: TestContext) {
  const clock = fakeClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  return { server, clock, from: callerFrom(server) }
}

/** Asks from an address; resolves to the status. */
const callerFrom = (server: TestServer) => async (remoteAddress: string, authorization?: string) => {
  const headers = authorization === undefined ? {} : { authorization }
  return (await server.app.inject({ url: '/v2/Services', headers, remoteAddress })).statusCode
}

async function minutePasses(server: TestServer, clock: FakeClock): Promise<void> {
  await clock.advance('1m')
  await runRecords(server.ctx)
}

const eventsOf = async (server: TestServer, type: string, authorization?: string) =>
  (await server.get(`/v1/Events?EventType=${type}`, authorization)).body.events

test('the first log-in a day, of each credential and address, is an event', async (t) => {
  const clock = timerlessClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  const from = callerFrom(server)
  const { sid, secret } = (await server.post('/v1/Keys', { AccountSid: server.accountSid })).body
  const own = basic(server.accountSid, server.authToken)
  for (let n = 0; n < 3; n++) {
    assert.equal(await from('192.0.2.1', own), 200)
    assert.equal(await from('192.0.2.1', basic(sid, secret)), 200)
    assert.equal(await from('192.0.2.2', own), 200)
  }
  await runRecords(server.ctx)
  const told = async () =>
    (await eventsOf(server, 'login.accepted'))
      .map((e: Record<string, string>) => `${e.source_ip_address} ${e.actor_type} ${e.actor_sid}`)
      .filter((line: string) => line.startsWith('192.0.2.'))
      .sort()
  const once = [
    `192.0.2.1 account ${server.accountSid}`,
    `192.0.2.1 key ${sid}`,
    `192.0.2.2 account ${server.accountSid}`,
  ]
  assert.deepEqual(await told(), once)
  clock.pass(86_400_000)
  await from('192.0.2.2', own)
  await runRecords(server.ctx)
  assert.deepEqual(await told(), [...once, `192.0.2.2 account ${server.accountSid}`])
})

test('a subscriber has as many addresses of IPv6 as it likes, and one event', async (t) => {
  const { server, from } = await serve(t)
  const own = basic(server.accountSid, server.authToken)
  for (let n = 1; n <= 5; n++) await from(`2001:db8:1:2::${n}`, own)
  await from('2001:db8:1:3::1', own)
  await runRecords(server.ctx)
  const addresses = (await eventsOf(server, 'login.accepted')).map(
    (e: { source_ip_address: string }) => e.source_ip_address,
  )
  assert.deepEqual(addresses.sort(), ['2001:db8:1:2::1', '2001:db8:1:3::1'])
})

test('another node, or this one after a restart, does not tell of a log-in again', async (t) => {
  const { server, from } = await serve(t)
  const own = basic(server.accountSid, server.authToken)
  await from('192.0.2.1', own)
  await runRecords(server.ctx)
  const restarted = keepLogins(server.ctx, () => server.ctx)
  const account = await server.ctx.known.account(server.accountSid)
  assert.ok(account)
  restarted.accepted({ account }, '192.0.2.1')
  restarted.accepted({ account }, '192.0.2.3')
  await restarted.flush()
  const addresses = (await eventsOf(server, 'login.accepted')).map(
    (e: { source_ip_address: string }) => e.source_ip_address,
  )
  assert.deepEqual(addresses.sort(), ['192.0.2.1', '192.0.2.3'])
})

/** Log-ins of a process of its own on the server's database; `lookUps` tells what it read of earlier ones. */
async function restart({ ctx, accountSid }: TestServer) {
  const account = await ctx.known.account(accountSid)
  assert.ok(account)
  let lookUps = 0
  const { system } = ctx.storage
  const counted = (read: Read): Read => ({
    get: (...statement) => read.get(...statement),
    all(...statement) {
      lookUps++
      return read.all(...statement)
    },
  })
  const storage = {
    ...ctx.storage,
    system: { ...system, scan: counted(system.scan), read: counted(system.read) },
  }
  const logins = keepLogins({ clock: ctx.clock, storage }, () => ctx)
  return {
    logins,
    /** From many subscribers, one after the other. */
    arrive(from: number, to: number) {
      for (let n = from; n < to; n++)
        logins.accepted({ account }, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
    },
    lookUps: () => lookUps,
  }
}

const countEvents = async ({ ctx }: TestServer, type: string) =>
  (await ctx.storage.system.read.all`select sid from audit_event where event_type = ${type}`).length

test('who comes from five hundred addresses at once is looked for once', async (t) => {
  const { server } = await serve(t)
  const { logins, arrive, lookUps } = await restart(server)
  arrive(0, 500)
  await logins.flush()
  assert.equal(lookUps(), 1)
  assert.equal(await countEvents(server, 'login.accepted'), 500)
})

test('of a credential that comes from everywhere a thousand log-ins a day are events, also after a restart', async (t) => {
  const clock = timerlessClock()
  const server = await testServer({ clock })
  t.after(() => server.close())
  const first = await restart(server)
  first.arrive(0, 1_300)
  await first.logins.flush({ all: true })
  assert.equal(await countEvents(server, 'login.accepted'), 1_000)
  const before = first.lookUps()
  first.arrive(1_300, 1_400)
  await first.logins.flush()
  assert.equal(first.lookUps(), before)

  const second = await restart(server)
  second.arrive(0, 1_400)
  await second.logins.flush({ all: true })
  assert.equal(await countEvents(server, 'login.accepted'), 1_000)

  clock.pass(86_400_000)
  second.arrive(0, 2)
  await second.logins.flush()
  assert.equal(await countEvents(server, 'login.accepted'), 1_002)
})

test('what this process has forgotten for the sake of others is not told again', async (t) => {
  const { server } = await serve(t)
  const { logins, arrive } = await restart(server)
  arrive(0, 200)
  await logins.flush()
  // Fifty thousand are remembered.
  const other = await server.ctx.known.account((await addAccount(server.ctx)).sid)
  assert.ok(other)
  for (let n = 0; n < 49_800; n++)
    logins.accepted({ account: other }, `11.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
  await logins.flush()
  arrive(0, 201)
  await logins.flush({ all: true })
  assert.equal(await countEvents(server, 'login.accepted'), 201 + 1_000)
})

test('refused log-ins become one event per address, account and minute, when the minute is over', async (t) => {
  const { server, clock, from } = await serve(t)
  const other = await addAccount(server.ctx)
  for (let n = 0; n < 5; n++) assert.equal(await from('192.0.2.1', basic(other.sid, 'wrong')), 401)
  assert.equal(await from('192.0.2.2', basic(other.sid, 'wrong')), 401)
  await runRecords(server.ctx)
  assert.deepEqual(await eventsOf(server, 'login.refused', other.authorization), [])
  await minutePasses(server, clock)
  const told = (await eventsOf(server, 'login.refused', other.authorization)).map(
    (e: Record<string, unknown>) => [e.source_ip_address, e.actor_sid, e.resource_sid, e.event_data],
  )
  const data = (count: number) => ({ reason: 'credentials', count, minute: '2026-11-20T12:00:00Z' })
  assert.deepEqual(told.sort(), [
    ['192.0.2.1', other.sid, other.sid, data(5)],
    ['192.0.2.2', other.sid, other.sid, data(1)],
  ])
  await minutePasses(server, clock)
  assert.equal((await eventsOf(server, 'login.refused', other.authorization)).length, 2)
})

test('tries of nobody that exists are told to the first account, and hold nothing of what was given', async (t) => {
  const { server, clock, from } = await serve(t)
  const canary = 'canary-of-a-typed-password'
  assert.equal(await from('192.0.2.1'), 401)
  assert.equal(await from('192.0.2.1', basic(canary, canary)), 401)
  assert.equal(await from('192.0.2.1', basic(`AC${'0'.repeat(32)}`, canary)), 401)
  await minutePasses(server, clock)
  const events = await eventsOf(server, 'login.refused')
  assert.equal(events.length, 1)
  assert.deepEqual(
    [events[0].actor_sid, events[0].actor_type, events[0].event_data.count],
    [null, 'unknown', 3],
  )
  assert.ok(!JSON.stringify(events).includes(canary))
})

test('a suspended account and too many failures are refusals of their own', async (t) => {
  const { server, clock, from } = await serve(t)
  const suspended = await addAccount(server.ctx, 'suspended')
  assert.equal(await from('192.0.2.1', suspended.authorization), 403)
  for (let n = 0; n < 12; n++) await from('192.0.2.9', basic(server.accountSid, 'wrong'))
  await minutePasses(server, clock)
  const reasons = (await eventsOf(server, 'login.refused')).map(
    (e: { event_data: { reason: string; count: number } }) => `${e.event_data.reason} ${e.event_data.count}`,
  )
  assert.deepEqual(reasons.sort(), ['credentials 10', 'too-many-failures 2'])
  const { system } = server.ctx.storage
  const theirs = await system.read.all<{ data: string }>`select data from audit_event
    where account_sid = ${suspended.sid}`
  assert.deepEqual(
    theirs.map(({ data }) => JSON.parse(data).reason),
    ['account-not-active'],
  )
})

test('who reads codes is told, once a minute', async (t) => {
  const { server, clock } = await serve(t)
  const to = freshNumber()
  await server.get(`/inbox/messages?To=${encodeURIComponent(to)}`)
  await server.start(to)
  for (let n = 0; n < 3; n++) await server.lastCode(to)
  await minutePasses(server, clock)
  const events = await eventsOf(server, 'inbox.read')
  const told = events.map((e: Record<string, unknown>) => [e.actor_sid, e.source_ip_address, e.event_data])
  assert.deepEqual(told, [[server.accountSid, '127.0.0.1', { count: 3, minute: '2026-11-20T12:00:00Z' }]])
})

test('what a key may not do is told, once a minute for each permission and address', async (t) => {
  const { server, clock } = await serve(t)
  const makeKey = async (form: Form) => {
    const { sid, secret } = (await server.post('/v1/Keys', { AccountSid: server.accountSid, ...form })).body
    return { sid, authorization: basic(sid, secret) }
  }
  const Policy = JSON.stringify({ allow: ['/twilio/verify/services/list'] })
  const restricted = await makeKey({ KeyType: 'restricted', Policy })
  const standard = await makeKey({})
  const ask = async (key: typeof restricted, url: string, remoteAddress = '192.0.2.1') => {
    const { authorization } = key
    return (await server.app.inject({ url, headers: { authorization }, remoteAddress })).statusCode
  }
  assert.equal(await ask(restricted, '/v2/Services'), 200)
  for (let n = 0; n < 3; n++) assert.equal(await ask(restricted, `/v2/Services/VA${'0'.repeat(32)}`), 403)
  assert.equal(await ask(restricted, '/v2/Attempts'), 403)
  assert.equal(await ask(restricted, '/v2/Attempts', '192.0.2.2'), 403)
  assert.equal(await ask(standard, '/v1/Keys'), 403)
  await runRecords(server.ctx)
  assert.deepEqual(await eventsOf(server, 'permission.denied'), [])
  await minutePasses(server, clock)
  await minutePasses(server, clock)
  const told = (await eventsOf(server, 'permission.denied')).map((e: Record<string, unknown>) => {
    const { permission, count, minute } = e.event_data as Record<string, unknown>
    assert.deepEqual([e.actor_type, e.resource_type, minute], ['key', 'api-key', '2026-11-20T12:00:00Z'])
    assert.equal(e.resource_sid, e.actor_sid)
    return `${e.actor_sid} ${e.source_ip_address} ${permission} ${count}`
  })
  assert.deepEqual(
    told.sort(),
    [
      `${restricted.sid} 192.0.2.1 /twilio/verify/services/read 3`,
      `${restricted.sid} 192.0.2.1 /twilio/verify/attempts/list 1`,
      `${restricted.sid} 192.0.2.2 /twilio/verify/attempts/list 1`,
      `${standard.sid} 192.0.2.1 /twilio/iam/api-keys/list 1`,
    ].sort(),
  )
})

/** What a key was refused, as the operations tell it. */
const denial = ({ accountSid }: TestServer, key: string, sourceIp: string, permission = 'read') => ({
  caller: { accountSid, ownAccountSid: accountSid, actorSid: key, actorType: 'key', sourceIp } as const,
  permission: `/twilio/verify/services/${permission}`,
})

test('a key that asks for everything from everywhere is no more events than a thousand and one', async (t) => {
  const { server, clock } = await serve(t)
  const key = `SK${'1'.repeat(32)}`
  for (let n = 0; n < 3_000; n++)
    server.ctx.logins.denied(denial(server, key, `10.0.${n >> 8}.${n & 255}`, n % 2 === 0 ? 'read' : 'list'))
  await minutePasses(server, clock)
  const { system } = server.ctx.storage
  const rows = await system.read.all<{ source_ip: string; data: string }>`
    select source_ip, data from audit_event where event_type = 'permission.denied'`
  assert.equal(rows.length, 1_001)
  const [rest] = rows.filter(({ source_ip }) => source_ip === '')
  assert.deepEqual(JSON.parse(rest?.data ?? ''), { count: 2_000, minute: '2026-11-20T12:00:00Z' })
})

test('many keys do not make one unit of work of what they were refused; what is written is so once', async (t) => {
  const { server, clock } = await serve(t)
  const { ctx } = server
  const sizes: number[] = []
  let broken = true
  const system: Storage['system'] = {
    ...ctx.storage.system,
    write: (unit) =>
      ctx.storage.system.write(async (tx) => {
        let events = 0
        const result = await unit({
          ...tx,
          get: (...statement) => tx.get(...statement),
          all: (...statement) => tx.all(...statement),
          run(...statement) {
            events++
            return tx.run(...statement)
          },
        })
        if (broken && sizes.length === 2) throw new Error('disk full')
        sizes.push(events)
        return result
      }),
  }
  const logins = keepLogins({ clock, storage: { ...ctx.storage, system } }, () => ctx)
  for (let n = 0; n < 5_000; n++)
    logins.denied(denial(server, `SK${String(n).padStart(32, '0')}`, '192.0.2.1'))
  await clock.advance('1m')
  await assert.rejects(logins.flush(), /disk full/)
  assert.equal(await countEvents(server, 'permission.denied'), 1_000)
  broken = false
  await logins.flush()
  assert.ok(Math.max(...sizes) <= 500, `units of ${sizes}`)
  assert.equal(await countEvents(server, 'permission.denied'), 5_000)
  await logins.flush()
  assert.equal(sizes.length, 10)
})

test('ten thousand addresses in a minute are a hundred events and one', async (t) => {
  const { server, clock } = await serve(t)
  const { logins } = server.ctx
  for (let n = 0; n < 10_000; n++)
    logins.refused({ reason: 'credentials', sourceIp: `10.0.${n >> 8}.${n & 255}` })
  await minutePasses(server, clock)
  const { body } = await server.get('/v1/Events?EventType=login.refused&PageSize=1000')
  assert.equal(body.events.length, 101)
  const total = body.events.reduce(
    (sum: number, e: { event_data: { count: number } }) => sum + e.event_data.count,
    0,
  )
  assert.equal(total, 10_000)
  const rest = body.events.filter((e: { source_ip_address: string | null }) => e.source_ip_address === null)
  assert.equal(rest[0].event_data.count, 9_900)
})

test('whoever floods the refusals blinds nobody: account and reason are told, and what had the right credentials', async (t) => {
  const { server, clock, from } = await serve(t)
  // The first account is the oldest.
  await clock.advance('1s')
  const { logins } = server.ctx
  for (let n = 0; n < 1_000; n++)
    logins.refused({ reason: 'credentials', sourceIp: `2001:db8:0:${n.toString(16)}::1` })
  assert.equal(await from('192.0.2.7', basic(server.accountSid, 'wrong')), 401)
  const suspended = await addAccount(server.ctx, 'suspended')
  assert.equal(await from('192.0.2.8', suspended.authorization), 403)
  await minutePasses(server, clock)
  const rows = await server.ctx.storage.system.read.all<{
    account_sid: string
    source_ip: string
    data: string
  }>`
    select account_sid, source_ip, data from audit_event where event_type = 'login.refused'`
  const told = rows.map(({ account_sid, source_ip, data }) => [
    account_sid,
    source_ip,
    JSON.parse(data).reason,
  ])
  assert.deepEqual(
    told.filter(([, address]) => !address?.startsWith('2001:')).sort(),
    [
      [server.accountSid, '', 'credentials'],
      [server.accountSid, '', 'credentials'],
      [suspended.sid, '192.0.2.8', 'account-not-active'],
    ].sort(),
  )
})

test('the addresses of one subscriber are one', async (t) => {
  const { server, clock } = await serve(t)
  for (let n = 0; n < 50; n++)
    server.ctx.logins.refused({ reason: 'credentials', sourceIp: `2001:db8::${n.toString(16)}` })
  await minutePasses(server, clock)
  const events = await eventsOf(server, 'login.refused')
  assert.deepEqual(
    events.map((e: { event_data: { count: number } }) => e.event_data.count),
    [50],
  )
})

test('what a stop would lose is written first', async (t) => {
  const { server, from } = await serve(t)
  await from('192.0.2.1', 'Basic none')
  await server.ctx.logins.flush({ all: true })
  assert.equal((await eventsOf(server, 'login.refused')).length, 1)
})
