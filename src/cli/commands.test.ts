import assert from 'node:assert/strict'
import { copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../test/support/carrier.ts'
import { makePlace, startPlace } from '../../test/support/command-line.ts'
import { basic } from '../../test/support/server.ts'

test('before the first start there is nothing to be asked, and nothing is made', async (t) => {
  const { run, dataDir } = await makePlace(t)
  for (const command of ['token show', 'account list', 'api-key list', 'master-key status', 'audit head']) {
    const { status, out, err } = await run(...command.split(' '))
    assert.deepEqual([status, out], [1, ''], command)
    assert.match(err, /^countersign: there is nothing in .* yet: start the server once$/)
  }
  assert.equal(existsSync(dataDir), false)
})

test('the server of another installation is not taken for the own', async (t) => {
  const other = await startPlace(t)
  const place = await makePlace(t)
  const own = await place.serve()
  await own.close()
  const stranger = createServer((_request, reply) => reply.end('<p>Hello</p>')).listen(0, '127.0.0.1')
  // Says what a server of ours would, and all that it is told; but it does not know the secret.
  const impostor = createServer(({ headers }, reply) => {
    reply.setHeader('countersign-control', String(headers.authorization?.split(' ').at(-1)))
    reply.end(JSON.stringify({ result: { account_sid: 'fake', auth_token: 'fake' } }))
  }).listen(0, '127.0.0.1')
  const noServer = createTcpServer((socket) => socket.end('220 ready\r\n')).listen(0, '127.0.0.1')
  t.after(() => [stranger, impostor, noServer].map((server) => server.close()))
  await until(() => stranger.listening && impostor.listening && noServer.listening)
  const addressOf = ({ port }: AddressInfo) => `http://127.0.0.1:${port}`
  for (const url of [
    other.server.url,
    addressOf(stranger.address() as AddressInfo),
    addressOf(impostor.address() as AddressInfo),
    addressOf(noServer.address() as AddressInfo),
  ]) {
    // As a server leaves it that was killed, and whose port another one took.
    writeFileSync(join(place.dataDir, 'server.json'), JSON.stringify({ url, secret: 'a'.repeat(64), pid: 1 }))
    assert.equal((await place.json('token', 'show')).account_sid, own.accountSid, url)
    writeFileSync(join(place.dataDir, 'server.json'), JSON.stringify({ url, secret: 'a'.repeat(64), pid: 1 }))
    assert.deepEqual(
      (await place.json('service', 'list')).map(({ sid }: { sid: string }) => sid),
      [own.serviceSid],
    )
  }
})

test('accounts: made, suspended, activated, upgraded, closed, and that counts at once', async (t) => {
  const { json, run, status, server } = await startPlace(t)
  const { sid, auth_token, type } = await json('account', 'create', 'Team one', '--trial')
  assert.equal(type, 'Trial')
  assert.equal(await status(sid, auth_token), 200)
  assert.equal((await json('account', 'suspend', sid)).status, 'suspended')
  assert.equal(await status(sid, auth_token), 403)
  assert.equal((await json('account', 'activate', sid)).status, 'active')
  assert.equal(await status(sid, auth_token), 200)
  assert.equal((await json('account', 'upgrade', sid)).type, 'Full')
  await json('account', 'close', sid)
  assert.equal(await status(sid, auth_token), 403)
  const { status: refused, err } = await run('account', 'activate', sid)
  assert.deepEqual([refused, err], [1, 'countersign: Conflict'])
  const accounts = await json('account', 'list')
  assert.deepEqual(
    accounts.map((account: Record<string, string>) => [account.sid, account.type, account.status]),
    [
      [server.accountSid, 'Full', 'active'],
      [sid, 'Full', 'closed'],
    ],
  )
  const { out } = await run('account', 'list')
  assert.match(out, /^SID +STATUS +TYPE +PARENT +NAME\n/)
  assert.ok(out.includes('Team one') && !out.includes(auth_token))
  const unknown = `AC${'0'.repeat(32)}`
  assert.match(
    (await run('account', 'close', unknown)).err,
    /^countersign: The requested resource .* was not found$/,
  )
})

test('the first account is not closed, and doctor tells when it is suspended', async (t) => {
  const { json, run, server } = await startPlace(t)
  const { accountSid } = server
  const { status, err } = await run('account', 'close', accountSid)
  assert.equal(status, 1)
  assert.match(err, /this is the first account/)
  await json('account', 'suspend', accountSid)
  const doctor = await run('doctor')
  assert.equal(doctor.status, 1)
  assert.match(
    doctor.out,
    /^problem +first account: AC.* is suspended.*\n +→ countersign account activate AC/m,
  )
  await json('account', 'activate', accountSid)
  assert.match((await run('doctor')).out, /^ok +first account: AC/m)
})

test('services: made and listed by the operator, whatever the account admits', async (t) => {
  const { json, run, server } = await startPlace(t)
  const authorization = basic(server.accountSid, server.authToken)
  const call = (path: string, body?: URLSearchParams) =>
    fetch(server.url + path, { headers: { authorization }, ...(body && { method: 'POST', body }) })
  const entry = new URLSearchParams({ Cidr: '192.0.2.0/24', Force: 'true' })
  assert.equal((await call('/v1/IpAccessLists', entry)).status, 201)
  assert.equal((await call('/v2/Services')).status, 403)
  const made = await json('service', 'create', 'Shop')
  assert.equal(made.friendly_name, 'Shop')
  const listed = await json('service', 'list')
  assert.deepEqual(listed[0], made)
  assert.equal((await run('service', 'create', 'call 0123456')).status, 1)
  const events = (await run('audit', 'export')).out.split('\n').map((line) => JSON.parse(line))
  const event = events.find((event) => event.resource_sid === made.sid)
  assert.deepEqual([event.event_type, event.actor_type], ['verify-service.created', 'operator'])
})

test('tokens: both work until the rotation is finished', async (t) => {
  const { json, run, status, server } = await startPlace(t)
  const { accountSid, authToken } = server
  assert.deepEqual(await json('token', 'show'), { account_sid: accountSid, auth_token: authToken })
  assert.match((await run('token', 'rotate', '--finish')).err, /there is no second token/)
  const { secondary_auth_token: next } = await json('token', 'rotate')
  assert.match((await run('token', 'rotate')).err, /a second token is there already/)
  assert.deepEqual([await status(accountSid, authToken), await status(accountSid, next)], [200, 200])
  await json('token', 'rotate', '--cancel')
  assert.deepEqual([await status(accountSid, authToken), await status(accountSid, next)], [200, 401])
  const { out, err } = await run('token', 'rotate')
  const [, last = ''] = /TWILIO_AUTH_TOKEN=(\w+)$/.exec(out) ?? []
  assert.match(err, /Both tokens work/)
  assert.equal((await json('token', 'rotate', '--finish')).auth_token, last)
  assert.deepEqual([await status(accountSid, authToken), await status(accountSid, last)], [401, 200])
  assert.equal((await run('token', 'rotate', '--finish', '--cancel')).status, 1)
})

test('a token that a setting gives has to be changed there too', async (t) => {
  const given = { COUNTERSIGN_ACCOUNT_SID: `AC${'1'.repeat(32)}`, COUNTERSIGN_AUTH_TOKEN: '2'.repeat(32) }
  const { run } = await startPlace(t, given)
  await run('token', 'rotate')
  assert.match((await run('token', 'rotate', '--finish')).err, /Change COUNTERSIGN_AUTH_TOKEN as well/)
})

test('keys: a policy by its name or as JSON; the secret once', async (t) => {
  const { json, run, status } = await startPlace(t)
  const standard = await json('api-key', 'create', 'CI')
  assert.equal(await status(standard.sid, standard.secret), 200)
  const sender = await json('api-key', 'create', 'Web', '--kind', 'restricted', '--policy', 'verify-sender')
  assert.equal(await status(sender.sid, sender.secret), 403)
  const policy = { allow: ['/twilio/verify/services/list'] }
  const reader = await json(
    'api-key',
    'create',
    'R',
    '--kind',
    'restricted',
    '--policy',
    JSON.stringify(policy),
  )
  assert.deepEqual(reader.policy, policy)
  assert.equal(await status(reader.sid, reader.secret), 200)
  const listed = (await run('api-key', 'list')).out
  assert.ok(listed.includes(standard.sid) && !listed.includes(standard.secret))
  await json('api-key', 'delete', standard.sid)
  assert.equal(await status(standard.sid, standard.secret), 401)
  for (const [args, why] of [
    [['--kind', 'restricted'], /needs a policy/],
    [['--policy', 'verify-sender'], /no other key has one/],
    [
      ['--kind', 'restricted', '--policy', 'nothing'],
      /there is no policy "nothing": name one of .*verify-sender/,
    ],
    [['--kind', 'restricted', '--policy', '{'], /not JSON/],
    [['--kind', 'great'], /Allowed choices are main, standard, restricted/],
  ] as const) {
    const refused = await run('api-key', 'create', 'x', ...args)
    assert.equal(refused.status, 1)
    assert.match(refused.err, why)
  }
})

test('without a server the database is opened', async (t) => {
  const place = await makePlace(t)
  assert.match((await place.run('account', 'create', 'x')).err, /start the server once/)
  const server = await place.serve()
  await server.close()
  const { auth_token } = await place.json('token', 'show')
  assert.equal(auth_token, server.authToken)
  const { sid } = await place.json('account', 'create', 'Offline')
  const listed = await place.json('account', 'list')
  assert.deepEqual(
    listed.map((account: { sid: string }) => account.sid),
    [server.accountSid, sid],
  )
})

test('a master key is added, seals, and is seen', async (t) => {
  const { json, run, server, dataDir, cwd } = await startPlace(t)
  const { keys } = await json('master-key', 'status')
  const old = keys[0].id
  const { added } = await json('master-key', 'add')
  const [id] = added
  assert.equal(statSync(join(dataDir, 'master-keys')).mode & 0o777, 0o600)
  assert.match((await run('master-key', 'retire', old)).err, /is the one that seals/)
  assert.deepEqual(await json('master-key', 'activate', id), { id })
  const { out } = await run('master-key', 'status')
  assert.match(out, new RegExp(`^${id} +yes`, 'm'))
  assert.match(out, new RegExp(`^${old} +- +[1-9]`, 'm'))
  assert.match((await run('master-key', 'retire', old)).err, /values are still sealed with|do not seal with/)
  assert.equal((await json('token', 'show')).auth_token, server.authToken)
  // Another node's file: what is there already is not added.
  copyFileSync(join(dataDir, 'master-keys'), join(cwd, 'others'))
  assert.deepEqual((await json('master-key', 'add', '--from', 'others')).added, [])
  const other = Buffer.alloc(32, 7).toString('base64')
  writeFileSync(join(cwd, 'other'), other)
  const more = await run('master-key', 'add', '--from', 'other')
  assert.ok(!`${more.out}${more.err}`.includes(other))
})

test('a key that a setting gives is added there', async (t) => {
  const { run } = await makePlace(t, { COUNTERSIGN_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') })
  const { status, err } = await run('master-key', 'add')
  assert.equal(status, 1)
  assert.match(err, /come from COUNTERSIGN_MASTER_KEY: add a line there/)
})

test('what cannot be read or written is named, and what to give instead', async (t) => {
  const { run, isSqlite } = await startPlace(t)
  const { status, err } = await run('master-key', 'add', '--from', '/nonexist/keys')
  assert.equal(status, 1)
  assert.match(
    err,
    /^countersign: \/nonexist\/keys cannot be read \(ENOENT\): give the key file of another node/,
  )
  if (isSqlite)
    assert.match((await run('backup', '/nonexist/x.db')).err, /x\.db cannot be written \(ENOENT\): is there/)
})

test('migrate beside a server that runs has nothing to do', async (t) => {
  const { run } = await startPlace(t)
  assert.deepEqual(await run('migrate'), { status: 0, out: '', err: 'The database is up to date.' })
})

test('what the operator is shown and copies is an event', async (t) => {
  const { json, run, isSqlite } = await startPlace(t)
  await json('token', 'show')
  if (isSqlite) await json('backup', 'copy.db')
  const events = (await run('audit', 'export')).out.split('\n').map((line) => JSON.parse(line))
  const operators = events.filter(({ actor_type }) => actor_type === 'operator')
  assert.deepEqual(
    operators.map(({ event_type }) => event_type),
    isSqlite ? ['auth-token.shown', 'backup.created'] : ['auth-token.shown'],
  )
})

test('an owner whom an access list shuts out is let in again', async (t) => {
  const { json, run, server } = await startPlace(t)
  const authorization = basic(server.accountSid, server.authToken)
  const ask = (path: string, body?: string) =>
    fetch(`${server.url}${path}`, {
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      ...(body && { method: 'POST', body }),
    })
  assert.equal((await ask('/v1/IpAccessLists', 'Cidr=192.0.2.0/24&Force=true')).status, 201)
  assert.equal((await ask('/v2/Services')).status, 403)
  const [entry] = await json('account', 'access', 'list', server.accountSid)
  assert.equal(entry.cidr, '192.0.2.0/24')
  assert.match(
    (await run('account', 'access', 'clear', server.accountSid)).out,
    /may be used from everywhere/,
  )
  assert.deepEqual(await json('account', 'access', 'list', server.accountSid), [])
  assert.equal((await ask('/v2/Services')).status, 200)
  const { events } = (await (await ask('/v1/Events?EventType=ip-access-list.deleted')).json()) as {
    events: { actor_type: string; resource_sid: string }[]
  }
  assert.deepEqual(
    events.map((event) => [event.actor_type, event.resource_sid]),
    [['operator', entry.sid]],
  )
})
