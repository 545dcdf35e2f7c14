import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { get as getHttps } from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { createServer as createSmsc, type Pdu, type Session } from 'smpp'
import { until } from '../test/support/carrier.ts'
import { makeTemporaryDirectory, postgresUrl } from '../test/support/engines.ts'
import { basic, makeDatabase, type Reply } from '../test/support/server.ts'
import { loadConfig } from './config.ts'
import { startServer } from './server.ts'

const root = join(import.meta.dirname, '..')

/** A place to start servers in: a folder and, unless another is given, a database. Nothing else of our environment. */
async function makePlace(t: TestContext, database?: NodeJS.ProcessEnv) {
  const folder = makeTemporaryDirectory()
  const env = { PATH: process.env.PATH, PORT: '0', COUNTERSIGN_DATA_DIR: join(folder, 'data') }
  if (database) return { folder, env: { ...env, ...database } }
  const own = await makeDatabase()
  t.after(own.drop)
  return { folder, env: { ...env, ...own.env } }
}
type Place = Awaited<ReturnType<typeof makePlace>>

interface Ended {
  status: number | null
  out: string
  err: string
}

/** Starts `bin/server.ts`; `ended` resolves when it has. */
function launch(t: TestContext, { folder, env }: Place, more: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [join(root, 'bin/server.ts')], {
    cwd: folder,
    env: { ...env, ...more },
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  const ended = new Promise<Ended>((resolve) => child.on('close', (status) => resolve({ status, ...said })))
  t.after(() => {
    child.kill('SIGKILL')
    return ended
  })
  return { child, said, ended }
}

/** Starts it and reads what it shows. */
async function serve(t: TestContext, place: Place, more: NodeJS.ProcessEnv = {}) {
  const { child, said, ended } = launch(t, place, more)
  const hasEnded = ended.then(({ err }) => assert.fail(`it ended: ${err}`))
  await Promise.race([
    until(() => said.out.endsWith('\n\n') || said.out.includes('/inbox/messages')),
    hasEnded,
  ])
  hasEnded.catch(() => {})
  const shown = (label: string) => new RegExp(`${label} +(.+)`).exec(said.out)?.[1] ?? ''
  return {
    child,
    ended,
    said,
    url: shown('Countersign'),
    accountSid: shown('Account SID'),
    authToken: shown('Auth Token'),
    serviceSid: shown('Verify Service SID'),
    curls: said.out.split('\n').filter((line) => line.startsWith('  curl ')),
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}
type Served = Awaited<ReturnType<typeof serve>>

async function call(
  user: { accountSid: string; authToken: string },
  url: string,
  form?: Record<string, string>,
) {
  const reply = await fetch(url, {
    headers: { authorization: basic(user.accountSid, user.authToken) },
    ...(form && { method: 'POST', body: new URLSearchParams(form) }),
  })
  return { status: reply.status, body: (await reply.json()) as Reply['body'] }
}

const verifications = ({ url, serviceSid }: Served) => `${url}/v2/Services/${serviceSid}/Verifications`

/** What the command line prints. */
const countersign = ({ folder, env }: Place, ...args: string[]) =>
  new Promise<string>((resolve, reject) => {
    const command = [join(root, 'bin/countersign.ts'), ...args]
    execFile(process.execPath, command, { cwd: folder, env }, (error, out) =>
      error ? reject(error) : resolve(out),
    )
  })

/** Asserts that it does not start, and says why in one line. */
async function assertRefused(t: TestContext, place: Place, more: NodeJS.ProcessEnv, why: RegExp) {
  const { status, out, err } = await launch(t, place, more).ended
  assert.deepEqual([status, out], [1, ''])
  assert.match(err, /^countersign: [^\n]+\n$/)
  assert.match(err, why)
}

test('the first start makes everything, shows the token, and its curl lines work as pasted', async (t) => {
  const place = await makePlace(t)
  const server = await serve(t, place)
  assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.match(server.accountSid, /^AC[0-9a-f]{32}$/)
  assert.match(server.authToken, /^[0-9a-f]{32}$/)
  assert.match(server.serviceSid, /^VA[0-9a-f]{32}$/)
  const data = join(place.folder, 'data')
  const kept = ['', 'master-keys', 'server.json', ...(postgresUrl ? [] : ['countersign.db.lock'])]
  const modes = kept.map((name) => statSync(join(data, name)).mode & 0o777)
  assert.deepEqual(modes, [0o700, ...kept.slice(1).map(() => 0o600)])
  assert.equal(server.curls.length, 2)
  const paste = (line = '') => JSON.parse(String(execFileSync('sh', ['-c', `${line} -s`])))
  const [send, read] = server.curls
  const { status, to } = paste(send)
  assert.deepEqual([status, to], ['pending', '+14155552671'])
  await until(() => paste(read).messages.length === 1)
  const { code } = paste(read).messages[0]
  const check = verifications(server).replace(/Verifications$/, 'VerificationCheck')
  const checked = await call(server, check, { To: to, Code: code })
  assert.equal(checked.body.status, 'approved')
  assert.ok(!server.said.err.includes(code))
  assert.doesNotMatch(server.said.err, /^countersign:/m)
  const { body } = await call(server, `${server.url}/v1/Events?ResourceSid=${server.serviceSid}`)
  assert.deepEqual(
    body.events.map((event: Record<string, string>) => [event.event_type, event.actor_type]),
    [['verify-service.created', 'server']],
  )
})

test('later starts keep what is there, and only `token show` tells the token', async (t) => {
  const place = await makePlace(t)
  const first = await serve(t, place)
  const expected = `TWILIO_ACCOUNT_SID=${first.accountSid}\nTWILIO_AUTH_TOKEN=${first.authToken}\n`
  assert.equal(await countersign(place, 'token', 'show'), expected)
  assert.equal((await first.stop()).status, 0)
  assert.equal(existsSync(join(place.folder, 'data/server.json')), false)
  assert.equal(await countersign(place, 'token', 'show'), expected)
  const second = await serve(t, place)
  assert.equal(await countersign(place, 'token', 'show'), expected)
  assert.deepEqual([second.accountSid, second.serviceSid], [first.accountSid, first.serviceSid])
  // What it shows in place of the token: the lines below it work as pasted all the same.
  const show = second.said.out.split('\n').find((line) => line.startsWith('  export ')) ?? ''
  assert.ok(show.includes(second.authToken.replace(/[()]/g, '')), second.authToken)
  const paste = (line: string | undefined) => {
    const script = `${show}\n${line} -s`
    return JSON.parse(String(execFileSync('sh', ['-ec', script], { cwd: place.folder, env: place.env })))
  }
  assert.equal(paste(second.curls[0]).status, 'pending')
  await until(() => paste(second.curls[1]).messages.length === 1)
  const { out, err } = await second.stop()
  assert.ok(!`${out}${err}`.includes(first.authToken))
})

test('a server that was killed leaves a file behind that hinders nobody', async (t) => {
  const place = await makePlace(t)
  const first = await serve(t, place)
  first.child.kill('SIGKILL')
  await first.ended
  assert.equal(existsSync(join(place.folder, 'data/server.json')), true)
  assert.match(await countersign(place, 'token', 'show'), new RegExp(first.authToken))
  const second = await serve(t, place)
  assert.equal(
    (await call({ ...second, authToken: first.authToken }, `${second.url}/v2/Services`)).status,
    200,
  )
})

test('the credentials may be given', async (t) => {
  const place = await makePlace(t)
  const [accountSid, authToken] = [`AC${'0123456789abcdef'.repeat(2)}`, randomBytes(16).toString('hex')]
  const given = { COUNTERSIGN_ACCOUNT_SID: accountSid, COUNTERSIGN_AUTH_TOKEN: authToken }
  const first = await serve(t, place, given)
  // Who gave it has it, and CI keeps what is printed.
  assert.ok(!first.said.out.includes(authToken))
  assert.equal((await call({ accountSid, authToken }, `${first.url}/v2/Services`)).status, 200)
  await first.stop()
  const changed = { ...given, COUNTERSIGN_AUTH_TOKEN: randomBytes(16).toString('hex') }
  const second = await serve(t, place, changed)
  const listed = await call(
    { accountSid, authToken: changed.COUNTERSIGN_AUTH_TOKEN },
    `${second.url}/v2/Services`,
  )
  const { services } = listed.body
  assert.deepEqual([services.length, services[0].sid], [1, first.serviceSid])
  assert.equal((await call({ accountSid, authToken }, `${second.url}/v2/Services`)).status, 401)
})

test('a start that fails once it listens ends, and leaves nothing behind', async (t) => {
  const place = await makePlace(t)
  const file = join(place.folder, 'data/server.json')
  mkdirSync(file, { recursive: true })
  await assertRefused(t, place, { COUNTERSIGN_LOG_LEVEL: 'error' }, /EISDIR/)
  rmdirSync(file)
  assert.match((await serve(t, place)).accountSid, /^AC/)
})

test('what is wrong stops the start with one line', async (t) => {
  const place = await makePlace(t)
  await (await serve(t, place)).stop()
  const wrong = randomBytes(32).toString('base64')
  await assertRefused(t, place, { COUNTERSIGN_MASTER_KEY: wrong }, /key/)
  await assertRefused(t, place, { COUNTERSIGN_X: '1' }, /COUNTERSIGN_X is not a setting/)
  await assertRefused(t, place, { HOST: '0.0.0.0' }, /HOST is "0\.0\.0\.0".* TLS/)
  await assertRefused(t, place, { COUNTERSIGN_TLS_CERT: 'cert.pem' }, /COUNTERSIGN_TLS_KEY/)
  const taken = createServer().listen(0, '127.0.0.1').unref()
  await until(() => taken.listening)
  const { port } = taken.address() as AddressInfo
  await assertRefused(t, place, { PORT: String(port) }, new RegExp(`${port}`))
  await new Promise((resolve) => taken.close(resolve))
  const nobody = { DATABASE_URL: `postgres://user:secret@127.0.0.1:${port}/verify` }
  await assertRefused(
    t,
    place,
    nobody,
    new RegExp(`^(?!.*secret).*DATABASE_URL names 127.0.0.1:${port}/verify, .*ECONNREFUSED`),
  )
  const elsewhere = { HOST: '192.0.2.1', COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true' }
  await assertRefused(t, place, elsewhere, /HOST is "192\.0\.2\.1", which is not an address of this machine/)
  await assertRefused(t, place, { COUNTERSIGN_DATA_DIR: import.meta.filename }, /COUNTERSIGN_DATA_DIR is /)
  const data = makeTemporaryDirectory()
  writeFileSync(join(data, 'countersign.db'), 'not a database '.repeat(100))
  const strange = { DATABASE_URL: '', COUNTERSIGN_DATA_DIR: data }
  await assertRefused(t, place, strange, /\/countersign\.db cannot be opened as the database: file is not/)
})

test('a data directory is one process', async (t) => {
  const place = await makePlace(t, {})
  const first = await serve(t, place)
  await assertRefused(t, place, {}, /in use by another process/)
  assert.equal((await fetch(`${first.url}/readyz`)).status, 200)
  assert.match(await countersign(place, 'token', 'show'), new RegExp(first.authToken))
})

function makeCertificate(folder: string) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  execFileSync('openssl', ['req', '-x509', ...newKey, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  })
  return { COUNTERSIGN_TLS_CERT: cert, COUNTERSIGN_TLS_KEY: key }
}

test('with a certificate it speaks HTTP/2 and HTTP/1.1 on one port', async (t) => {
  const place = await makePlace(t)
  const tls = makeCertificate(place.folder)
  const server = await serve(t, place, tls)
  const ca = readFileSync(tls.COUNTERSIGN_TLS_CERT)
  const { accountSid, authToken, url } = server
  assert.match(url, /^https:\/\/127\.0\.0\.1:/)

  const session = connectHttp2(url, { ca })
  t.after(() => session.destroy())
  const stream = session.request({
    ':path': `${verifications(server).slice(url.length)}`,
    ':method': 'POST',
    authorization: basic(accountSid, authToken),
    'content-type': 'application/x-www-form-urlencoded',
  })
  stream.end('To=%2B14155552671&Channel=sms')
  const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve))
  const body = await stream.setEncoding('utf8').toArray()
  assert.deepEqual([headers[':status'], headers['strict-transport-security']], [201, 'max-age=31536000'])
  assert.ok(JSON.parse(body.join('')).url.startsWith(url), body.join(''))

  const [version, status] = await new Promise<[string, number | undefined]>((resolve, reject) => {
    const request = getHttps(`${url}/healthz`, { ca }, (reply) => {
      reply.resume().on('end', () => resolve([reply.httpVersion, reply.statusCode]))
    })
    request.on('error', reject)
  })
  assert.deepEqual([version, status], ['1.1', 200])
  // The command line on this machine needs no certificate.
  assert.match(await countersign(place, 'token', 'show'), new RegExp(authToken))
  // Nor does what it is told there lead to a TLS that this door has not.
  const { url: door } = JSON.parse(readFileSync(join(place.folder, 'data/server.json'), 'utf8'))
  assert.ok((await call(server, `${door}/v2/Services`)).body.meta.url.startsWith(`${door}/v2/Services`))
  // And who waits there is answered before the end.
  const waiting = call(server, `${door}/inbox/messages?To=%2B14155552672&Wait=60`)
  assert.equal((await call(server, `${door}/v2/Services`)).status, 200)
  const stopped = server.stop()
  const { status: answered, body: inbox } = await waiting
  assert.deepEqual([answered, inbox.messages], [200, []])
  assert.equal((await stopped).status, 0)
})

test('SIGHUP has it take up a new certificate, and a broken one stops nothing', async (t) => {
  const place = await makePlace(t)
  const tls = makeCertificate(place.folder)
  const server = await serve(t, place, tls)
  const port = Number(new URL(server.url).port)
  const served = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
        socket.destroy()
      }).on('error', reject)
    })
  const first = await served()
  makeCertificate(place.folder)
  server.child.kill('SIGHUP')
  await until(async () => (await served()) !== first)
  const second = await served()
  writeFileSync(tls.COUNTERSIGN_TLS_KEY, 'no key')
  server.child.kill('SIGHUP')
  await until(() => server.said.err.includes('the old one stays'))
  assert.equal(await served(), second)
  assert.equal((await server.stop()).status, 0)
})

test('behind a proxy that ends TLS it listens everywhere, and its addresses are https', async (t) => {
  const place = await makePlace(t)
  const env = {
    HOST: '0.0.0.0',
    COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true',
    COUNTERSIGN_CODE_TTL_SECONDS: '3600',
  }
  const server = await serve(t, place, env)
  await until(() => server.said.err.includes('COUNTERSIGN_CODE_TTL_SECONDS is 3600'))
  assert.match(server.said.err, /^countersign: .*no trusted proxy is named.* \(set COUNTERSIGN_TRUSTED/m)
  assert.match(server.said.err, /^countersign: HOST is 0\.0\.0\.0, and what arrives there is plain HTTP/m)
  // The banner has a name that others may use, and no way to send: there is none yet.
  assert.equal(new URL(server.url).hostname, hostname().toLowerCase())
  assert.deepEqual(server.curls, [])
  assert.match(server.said.out, /No channel has a provider yet/)
  const url = `http://127.0.0.1:${new URL(server.url).port}`
  const { meta } = (await call(server, `${url}/v2/Services`)).body
  assert.equal(meta.url.split('?')[0], `${url.replace('http:', 'https:')}/v2/Services`)
  // Beyond loopback nobody gets a code into the inbox without asking for it.
  const started = await call(server, verifications({ ...server, url }), {
    To: '+14155552671',
    Channel: 'sms',
  })
  assert.deepEqual([started.status, started.body.code], [400, 60223])
})

test('PUBLIC_URL is where answers point, and what the banner shows', async (t) => {
  const place = await makePlace(t)
  const server = await serve(t, place, { PUBLIC_URL: 'https://verify.example.com' })
  assert.equal(server.url, 'https://verify.example.com')
  const { url } = JSON.parse(readFileSync(join(place.folder, 'data/server.json'), 'utf8'))
  const { meta, services } = (await call(server, `${url}/v2/Services`)).body
  assert.ok(meta.url.startsWith('https://verify.example.com/v2/Services'))
  assert.ok(services[0].links.verifications.startsWith('https://verify.example.com/'))
})

test('SIGTERM lets requests and sends that are under way end', async (t) => {
  const submits: { pdu: Pdu; session: Session }[] = []
  const smsc = createSmsc({}, (session) => {
    session.on('error', () => {})
    session.on('pdu', (pdu) => {
      if (pdu.command === 'submit_sm') submits.push({ pdu, session })
      else if (!pdu.command.endsWith('_resp')) session.send(pdu.response())
    })
  })
  t.after(() => smsc.close())
  await new Promise<void>((resolve) => smsc.listen(0, '127.0.0.1', resolve))
  const place = await makePlace(t)
  const carrier = `{ kind: smpp, host: 127.0.0.1, port: ${(smsc.address() as AddressInfo).port}, system_id: a, password: b, source: { addr: Acme } }`
  mkdirSync(join(place.folder, 'data'))
  const config = `providers: { carrier: ${carrier} }\nchannels: { sms: [carrier], email: [inbox] }\n`
  writeFileSync(join(place.folder, 'countersign.yaml'), config)
  const server = await serve(t, place)
  // With a carrier the banner invites nobody to send to a stranger.
  assert.equal(server.curls.length, 1)
  assert.match(server.said.out, /To=\+YOUR_NUMBER -d Channel=sms/)
  await call(server, verifications(server), { To: '+14155552671', Channel: 'sms' })
  await until(() => submits.length === 1)
  // Nor does one who waits for a message keep the server: he is told that there is none.
  const waiting = call(server, `${server.url}/inbox/messages?To=%2B14155552672&Wait=60`)

  const { port } = new URL(server.url)
  const socket = connect(Number(port), '127.0.0.1').setEncoding('utf8')
  const form = 'To=ann%40example.com&Channel=email'
  const head = [
    `POST ${verifications(server).slice(server.url.length)} HTTP/1.1`,
    'Host: localhost',
    `Authorization: ${basic(server.accountSid, server.authToken)}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
    'Expect: 100-continue',
  ]
  let reply = ''
  socket.on('data', (chunk) => (reply += chunk))
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await until(() => reply.includes('100 Continue')) // it has the request, but for the body
  server.child.kill('SIGTERM')
  await until(() => !existsSync(join(place.folder, 'data/server.json')))
  await until(async () => !(await fetch(`${server.url}/healthz`).catch(() => undefined)))
  socket.write(form)
  await until(() => reply.includes('201 Created') && reply.includes('"pending"'))
  assert.deepEqual((await waiting).body.messages, [])
  const [submit] = submits
  submit?.session.send(submit.pdu.response({ message_id: 'm1' }))
  assert.equal((await server.ended).status, 0)

  const again = { ...(await serve(t, place)), authToken: server.authToken }
  const { attempts } = (await call(again, `${again.url}/v2/Attempts`)).body
  const told = attempts.map((a: { channel: string; channel_data: { message_status: string } }) => [
    a.channel,
    a.channel_data.message_status,
  ])
  assert.deepEqual(told.sort(), [
    ['email', 'delivered'],
    ['sms', 'sent'],
  ])
  assert.equal(submits.length, 1)
})

if (postgresUrl) {
  test('processes that share a database and a key are one server; one without the key does not start', async (t) => {
    const database = await makeDatabase()
    t.after(database.drop)
    const key = { COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64') }
    const places = [
      await makePlace(t, database.env),
      await makePlace(t, database.env),
      await makePlace(t, database.env),
    ] as const
    const starts = await Promise.all([serve(t, places[0], key), serve(t, places[1], key)])
    const tokens = starts.map(({ authToken }) => authToken).filter((token) => /^[0-9a-f]{32}$/.test(token))
    assert.equal(tokens.length, 1)
    assert.equal(new Set(starts.map(({ accountSid }) => accountSid)).size, 1)
    assert.equal(new Set(starts.map(({ serviceSid }) => serviceSid)).size, 1)
    const [one, two] = starts.map((start) => ({ ...start, authToken: tokens[0] ?? '' })) as [Served, Served]
    const To = '+14155552671'
    const started = (await call(one, verifications(one), { To, Channel: 'sms' })).body
    const resent = (await call(two, verifications(two), { To, Channel: 'sms' })).body
    assert.equal(resent.sid, started.sid)
    const inbox = await call(two, `${two.url}/inbox/messages?To=${encodeURIComponent(To)}&Wait=5`)
    const [{ code }] = inbox.body.messages
    const check = verifications(two).replace(/Verifications$/, 'VerificationCheck')
    assert.equal((await call(two, check, { To, Code: code })).body.status, 'approved')
    await assertRefused(t, places[2], {}, /no master key/)
    const wrong = { COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64') }
    await assertRefused(t, places[2], wrong, /key/)
  })

  test('of nodes that start on an empty database at the same moment one makes account and service', async (t) => {
    const database = await makeDatabase()
    t.after(database.drop)
    const key = randomBytes(32).toString('base64')
    const configs = await Promise.all(
      Array.from({ length: 4 }, () => {
        const directory = makeTemporaryDirectory()
        const own = {
          COUNTERSIGN_DATA_DIR: directory,
          COUNTERSIGN_LOG_LEVEL: 'silent',
          COUNTERSIGN_MASTER_KEY: key,
        }
        return loadConfig({ ...database.env, ...own, PORT: '0' }, directory, (path) => readFile(path, 'utf8'))
      }),
    )
    const servers = await Promise.all(configs.map((config) => startServer(config)))
    await Promise.all(servers.map((server) => server.close()))
    assert.equal(servers.filter(({ madeToken }) => madeToken).length, 1)
    assert.equal(new Set(servers.map(({ accountSid, serviceSid }) => `${accountSid} ${serviceSid}`)).size, 1)
    assert.match(servers[0]?.serviceSid ?? '', /^VA/)
  })
}
