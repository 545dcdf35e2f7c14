import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { until } from '../../test/support/carrier.ts'
import { makeSelfSigned } from '../../test/support/certificate.ts'
import { makeTemporaryDirectory } from '../../test/support/engines.ts'
import { basic, makeDatabase } from '../../test/support/server.ts'
import { startServer } from '../server.ts'
import { runProgram } from './program.ts'
import { readConfig } from './shell.ts'

/** A folder to run commands in, and a database of its own. */
async function makePlace(t: TestContext, more: NodeJS.ProcessEnv = {}) {
  const cwd = makeTemporaryDirectory()
  const database = await makeDatabase()
  t.after(database.drop)
  const dataDir = join(cwd, 'data')
  const env = {
    PORT: '0',
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_LOG_LEVEL: 'silent',
    ...database.env,
    ...more,
  }
  const run = async (...args: string[]) => {
    const said = { out: [] as string[], err: [] as string[] }
    const shell = {
      env,
      cwd,
      out: (l: string) => void said.out.push(l),
      err: (l: string) => void said.err.push(l),
    }
    const status = await runProgram(shell, args)
    return { status, out: said.out.join('\n'), err: said.err.join('\n') }
  }
  return {
    cwd,
    dataDir,
    isSqlite: database.env.DATABASE_URL === undefined,
    run,
    /** What a command prints for programs; it has to succeed. */
    async json(...args: string[]) {
      const { status, out, err } = await run(...args, '--json')
      assert.equal(status, 0, `${args.join(' ')}: ${err}`)
      return JSON.parse(out)
    },
    serve: async () => startServer(await readConfig({ env, cwd, out() {}, err() {} })),
  }
}

async function start(t: TestContext, more?: NodeJS.ProcessEnv) {
  const place = await makePlace(t, more)
  const server = await place.serve()
  t.after(() => server.close())
  const status = async (user: string, password: string) =>
    (await fetch(`${server.url}/v2/Services`, { headers: { authorization: basic(user, password) } })).status
  return { ...place, server, status }
}

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
  const other = await start(t)
  const place = await makePlace(t)
  const own = await place.serve()
  await own.close()
  const stranger = createServer((_request, reply) => reply.end('<p>Hello</p>')).listen(0, '127.0.0.1')
  const noServer = createTcpServer((socket) => socket.end('220 ready\r\n')).listen(0, '127.0.0.1')
  t.after(() => [stranger, noServer].map((server) => server.close()))
  await until(() => stranger.listening && noServer.listening)
  const addressOf = ({ port }: AddressInfo) => `http://127.0.0.1:${port}`
  for (const url of [
    other.server.url,
    addressOf(stranger.address() as AddressInfo),
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
  const { json, run, status, server } = await start(t)
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
  const { json, run, server } = await start(t)
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
  const { json, run, server } = await start(t)
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
  const { json, run, status, server } = await start(t)
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
  const { run } = await start(t, given)
  await run('token', 'rotate')
  assert.match((await run('token', 'rotate', '--finish')).err, /Change COUNTERSIGN_AUTH_TOKEN as well/)
})

test('keys: a policy by its name or as JSON; the secret once', async (t) => {
  const { json, run, status } = await start(t)
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
  const { json, run, server, dataDir, cwd } = await start(t)
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
  const { run, isSqlite } = await start(t)
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
  const { run } = await start(t)
  assert.deepEqual(await run('migrate'), { status: 0, out: '', err: 'The database is up to date.' })
})

test('what the operator is shown and copies is an event', async (t) => {
  const { json, run, isSqlite } = await start(t)
  await json('token', 'show')
  if (isSqlite) await json('backup', 'copy.db')
  const events = (await run('audit', 'export')).out.split('\n').map((line) => JSON.parse(line))
  const operators = events.filter(({ actor_type }) => actor_type === 'operator')
  assert.deepEqual(
    operators.map(({ event_type }) => event_type),
    isSqlite ? ['auth-token.shown', 'backup.created'] : ['auth-token.shown'],
  )
})

test('a backup is made while it serves, and restored where its key is', async (t) => {
  const { json, run, server, dataDir, cwd, isSqlite } = await start(t)
  if (!isSqlite) {
    assert.match((await run('backup', 'copy')).err, /pg_dump/)
    assert.match((await run('restore', 'copy')).err, /pg_restore/)
    return
  }
  const made = await json('backup', 'copy.db')
  assert.deepEqual([made.path, statSync(made.path).mode & 0o777], [join(cwd, 'copy.db'), 0o600])
  assert.match((await run('backup', 'copy.db')).err, /is there already/)
  assert.match((await run('restore', 'copy.db', '--force')).err, /in use by another process/)

  const elsewhere = await makePlace(t)
  copyFileSync(made.path, join(elsewhere.cwd, 'copy.db'))
  assert.match((await elsewhere.run('restore', 'copy.db')).err, /no master key/)
  mkdirSync(elsewhere.dataDir, { recursive: true })
  writeFileSync(join(elsewhere.dataDir, 'master-keys'), `${Buffer.alloc(32, 7).toString('base64')}\n`, {
    mode: 0o600,
  })
  assert.match((await elsewhere.run('restore', 'copy.db')).err, /sealed with master key/)
  copyFileSync(join(dataDir, 'master-keys'), join(elsewhere.dataDir, 'master-keys'))
  assert.equal((await elsewhere.run('restore', 'copy.db')).status, 0)
  assert.equal((await elsewhere.json('token', 'show')).auth_token, server.authToken)
  assert.match((await elsewhere.run('restore', 'copy.db')).err, /--force/)
  const { kept } = await elsewhere.json('restore', 'copy.db', '--force')
  assert.match(kept, /countersign\.db\.before-restore-\d+$/)
  writeFileSync(join(elsewhere.cwd, 'broken.db'), 'x'.repeat(5_000))
  assert.match((await elsewhere.run('restore', 'broken.db', '--force')).err, /is not a backup/)
})

test('doctor: what is well, what is not, and what to do', async (t) => {
  const cwd = makeTemporaryDirectory()
  const well = makeSelfSigned(cwd, 'well', 90)
  const ending = makeSelfSigned(cwd, 'ending', 3)
  const tls = ({ cert, key }: typeof well) => ({ COUNTERSIGN_TLS_CERT: cert, COUNTERSIGN_TLS_KEY: key })
  const findings = async (
    more: NodeJS.ProcessEnv,
    spoil: (place: { dataDir: string }) => void = () => {},
  ) => {
    const place = await makePlace(t, more)
    await (await place.serve()).close()
    spoil(place)
    const { status, out } = await place.run('doctor', '--json')
    const list: { what: string; state: string; detail: string; advice?: string }[] = JSON.parse(out)
    const all = (what: string) =>
      list
        .filter((finding) => finding.what === what)
        .map((found) => `${found.state}: ${found.detail} ${found.advice ?? ''}`.trim())
    return { status, all, of: (what: string) => all(what)[0], isSqlite: place.isSqlite }
  }
  const { status, of, isSqlite } = await findings(tls(well))
  assert.equal(status, 0)
  assert.match(of('certificate') ?? '', /^ok: ends in (89|90) days$/)
  assert.match(of('database') ?? '', isSqlite ? /^ok: SQLite/ : /^ok: PostgreSQL/)
  assert.match(of('master key') ?? '', /^ok: all is sealed with [0-9a-f]{8}$/)
  if (isSqlite) assert.match(of('disk') ?? '', /ms$/)
  assert.match(of('clock') ?? '', isSqlite ? /^ok: \d{4}-.*by this machine/ : /^ok: -?\d+ ms off/)
  assert.match(of('channels') ?? '', /^warning: only the inbox/)
  assert.match(
    (await findings(tls(ending))).of('certificate') ?? '',
    /^warning: ends in [23] days put a new one/,
  )
  const named = { ...tls(well), PUBLIC_URL: 'https://verify.example.com' }
  assert.match(
    (await findings(named)).all('certificate').join('\n'),
    /^ok: ends.*\nproblem: is not for verify\.ex/,
  )

  const open = await findings({}, ({ dataDir }) => {
    chmodSync(dataDir, 0o755)
    chmodSync(join(dataDir, 'master-keys'), 0o644)
  })
  assert.equal(open.status, 1)
  assert.match(open.of('data directory') ?? '', /^warning: .* chmod 700/)
  assert.match(open.of('key file') ?? '', /^problem: .* chmod 600/)
  assert.match(open.of('database') ?? '', /^problem: .*can be read by others/)
})

test('doctor tries carriers and reads rates where no server does, and a bad setting is a finding', async (t) => {
  const place = await makePlace(t)
  const taking = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  const refusing = createTcpServer().listen(0, '127.0.0.1')
  await until(() => taking.listening && refusing.listening)
  t.after(() => taking.close())
  const [taken, refused] = [taking, refusing].map((server) => (server.address() as AddressInfo).port)
  await new Promise((resolve) => refusing.close(resolve))
  const carrier = (port: number | undefined) =>
    `{ kind: smpp, host: 127.0.0.1, port: ${port}, system_id: me, password: secret, source: { addr: '12345' } }`
  const rates = join(place.cwd, 'rates.csv')
  writeFileSync(
    join(place.cwd, 'countersign.yaml'),
    `rates: ${rates}\nproviders:\n  good: ${carrier(taken)}\n  bad: ${carrier(refused)}\nchannels: { sms: [good, bad] }\n`,
  )
  writeFileSync(rates, 'channel,prefix,price,currency\nsms,+1,much,usd\n')
  const { status, out } = await place.run('doctor')
  assert.equal(status, 1)
  assert.match(out, /^ok +carrier good: smpp, 127\.0\.0\.1:\d+ takes connections/m)
  assert.match(out, /^problem +carrier bad: smpp, 127\.0\.0\.1:\d+ cannot be reached: ECONNREFUSED/m)
  assert.match(out, /^problem +rates: .*rates\.csv.*line 2/m)
  assert.ok(!out.includes('secret'))
  writeFileSync(join(place.cwd, 'countersign.yaml'), 'prot: 1\n')
  const bad = await place.run('doctor', '--json')
  const [finding, ...others] = JSON.parse(bad.out)
  assert.deepEqual([bad.status, finding.what, finding.state, others], [1, 'configuration', 'problem', []])
  assert.match(finding.detail, /did you mean port/)
})

test('doctor asks the server that runs, and changes nothing where none ever did', async (t) => {
  const { json } = await start(t)
  const found = await json('doctor')
  const server = found.find((finding: { what: string }) => finding.what === 'server')
  assert.match(server.detail, /^ready, http/)
  assert.ok(found.some((finding: { what: string }) => finding.what === 'carrier inbox'))

  const fresh = await makePlace(t)
  const { status, out } = await fresh.run('doctor')
  assert.equal(status, 0)
  assert.match(out, /^ok +database: empty/m)
  assert.throws(() => statSync(fresh.dataDir), /ENOENT/)
})

test('an owner whom an access list shuts out is let in again', async (t) => {
  const { json, run, server } = await start(t)
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

test('doctor says that the proxy which ends TLS has no name', async (t) => {
  const place = await makePlace(t, { COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true' })
  assert.match((await place.run('doctor')).out, /^problem +certificate: .*no trusted proxy is named/m)
  const named = await makePlace(t, {
    COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true',
    COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8',
  })
  assert.doesNotMatch((await named.run('doctor')).out, /no trusted proxy is named/)
})
