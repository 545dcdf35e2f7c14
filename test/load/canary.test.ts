import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { SMTPServer } from 'smtp-server'
import { basic, freshNumber, type Reply } from '../support/server.ts'
import { type Installation, makeInstallation } from './server-process.ts'

const CODE = 'Canary7531'
const PASSWORDS = { smtp: 'canary-of-smtp', smpp: 'canary53' }
const CONFIG_FILE = 'countersign.yaml'

/** As text, in base64 and in hexadecimal digits, where it could hide from the eye. */
const formsOf = (secret: string) =>
  (['utf8', 'base64', 'hex'] as const).map((encoding) =>
    Buffer.from(secret).toString(encoding).replace(/=+$/, ''),
  )

const portOf = (server: { address(): AddressInfo | string | null }) => (server.address() as AddressInfo).port

/** A carrier that sends back what it is sent. */
function startEcho(): Promise<Server> {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  return new Promise((resolve) => echo.listen(0, '127.0.0.1', () => resolve(echo)))
}

/** A mail server that refuses each log-in, or each message, and quotes what it refuses. */
function startMail(refuses: 'log-in' | 'message'): Promise<SMTPServer> {
  const mail = new SMTPServer({
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    onAuth({ password }, _, done) {
      if (refuses === 'log-in') done(new Error(`refused: ${password}`))
      else done(null, { user: 'any' })
    },
    onData(stream, _, done) {
      stream
        .resume()
        .once('end', () =>
          done(Object.assign(new Error(`5.7.1 refused: ${CODE} is your code`), { responseCode: 550 })),
        )
    },
  })
  return new Promise((resolve) => mail.listen(0, '127.0.0.1', () => resolve(mail)))
}

const configure = (smpp: number, login: number, message: number) => `
providers:
  carrier: { kind: smpp, host: 127.0.0.1, port: ${smpp}, system_id: us, password: ${PASSWORDS.smpp}, source: { addr: Acme } }
  mail: { kind: smtp, host: 127.0.0.1, port: ${login}, tls: none, from: a@example.com, auth: { user: us, password: ${PASSWORDS.smtp} } }
  filter: { kind: smtp, host: 127.0.0.1, port: ${message}, tls: none, from: a@example.com, auth: { user: us, password: ${PASSWORDS.smtp} } }
channels:
  sms: [carrier, inbox]
  call: [inbox]
  email: [mail, filter, inbox]
`

/** Every row of every table, bytes as hexadecimal digits; on SQLite the files as they are. */
async function dumpDatabase({ env, dataDir }: Installation): Promise<string> {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== CONFIG_FILE,
  )
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
  if (!env.DATABASE_URL) return texts.join('\n')
  const client = new pg.Client({ connectionString: env.DATABASE_URL })
  await client.connect()
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      'select table_name as name from information_schema.tables where table_schema = current_schema()',
    )
    for (const { name } of tables) {
      const { rows } = await client.query<{ line: string }>(`select t::text as line from ${name} t`)
      texts.push(...rows.map(({ line }) => line))
    }
    return texts.join('\n')
  } finally {
    await client.end()
  }
}

test('code, auth token, carrier passwords and keys show nowhere but in the inbox', {
  timeout: 60_000,
}, async () => {
  const [echo, login, filter] = await Promise.all([startEcho(), startMail('log-in'), startMail('message')])
  const installation = await makeInstallation()
  try {
    writeFileSync(
      join(installation.dataDir, CONFIG_FILE),
      configure(portOf(echo), portOf(login.server), portOf(filter.server)),
    )
    const server = await installation.start()
    const replies: Reply[] = []
    const keep = async (reply: Promise<Reply>) => {
      replies.push(await reply)
      return reply
    }
    const post = (path: string, form = {}) => keep(server.post(path, form))
    const get = (path: string) => keep(server.get(path))

    const { body: service } = await post('/v2/Services', { FriendlyName: 'Canary', CustomCodeEnabled: true })
    const path = `/v2/Services/${service.sid}`
    const start = (To: string, Channel: string, form = {}) =>
      post(`${path}/Verifications`, { To, Channel, CustomCode: CODE, ...form })
    const check = (To: string, Code: string) => post(`${path}/VerificationCheck`, { To, Code })

    const [phone, other, closed, mail] = [freshNumber(), freshNumber(), freshNumber(), 'canary@example.com']
    for (const [to, channel] of [
      [phone, 'sms'],
      [phone, 'call'],
      [other, 'sms'],
      [closed, 'call'],
      [mail, 'email'],
    ] as const) {
      assert.equal((await start(to, channel)).status, 201)
    }
    for (const to of [phone, other, closed, mail]) {
      const [message] = await server.messages(to, 25)
      assert.equal(message?.code, CODE)
    }
    for (let guess = 0; guess < 6; guess++) await check(closed, `${CODE.slice(0, -1)}x`)
    await check(closed, CODE)
    await check(phone, CODE)
    await check(phone, CODE)
    await post(`${path}/Verifications/${encodeURIComponent(other)}`, { Status: 'canceled' })
    await get(`${path}/Verifications/${encodeURIComponent(mail)}`)

    // What is refused is not quoted.
    await check(mail, `${CODE}${CODE}`)
    await start(phone, 'sms', { CustomCode: `${CODE}${CODE}` })
    await start(phone, 'pigeon')
    await start(phone, 'sms', { Tags: CODE, RateLimits: CODE })
    await server.startVerification(phone, { CustomCode: CODE }).then((reply) => replies.push(reply))
    await post(`${path}/VerificationCheck`, { Code: CODE })
    await post(`${path}/VerificationCheck`, { To: phone, Code: CODE, Padding: 'x'.repeat(70_000) })
    for (const authorization of [
      basic(installation.accountSid, `${installation.authToken}0`),
      basic(installation.authToken, installation.authToken),
      `Bearer ${installation.authToken}`,
    ]) {
      const reply = await fetch(`${server.url}${path}`, { headers: { authorization } })
      replies.push({ status: reply.status, body: await reply.json(), headers: {} })
      assert.equal(reply.status, 401)
    }

    for (const what of ['/v2/Attempts', '/v2/Attempts/Summary', '/v2/Services', '/readyz', '/healthz']) {
      assert.equal((await get(what)).status, 200)
    }
    const { body: list } = await get('/v2/Attempts?PageSize=1000')
    const handovers: { provider: string; outcome: string }[] = []
    for (const { sid } of list.attempts) {
      const { body } = await get(`/delivery/attempts/${sid}`)
      handovers.push(...body.handovers)
    }
    const came = new Set(handovers.map(({ provider, outcome }) => `${provider} ${outcome}`))
    assert.deepEqual(
      [...came].sort(),
      ['carrier busy', 'filter rejected', 'inbox delivered', 'mail rejected'],
      'each carrier failed in its way',
    )
    assert.ok(replies.filter(({ status }) => status >= 400).length >= 10)

    // While it runs, its write-ahead log is there; after a clean end all of its own log is.
    const database = await dumpDatabase(installation)
    await server.stop('SIGTERM')
    const places = {
      log: server.log(),
      replies: JSON.stringify(replies.map(({ body, headers }) => ({ body, headers }))),
      database: database + (await dumpDatabase(installation)),
    }
    // The places were looked into: what may stand there does.
    for (const id of ['carrier', 'mail', 'filter', 'inbox'])
      assert.ok(places.log.includes(`"provider":"${id}"`))
    assert.ok(places.database.includes(phone) && places.replies.includes(phone))

    const secrets = {
      code: CODE,
      'auth token': installation.authToken,
      'SMTP password': PASSWORDS.smtp,
      'SMPP password': PASSWORDS.smpp,
      'master key': installation.env.COUNTERSIGN_MASTER_KEY ?? '',
    }
    for (const [place, text] of Object.entries(places)) {
      for (const [name, secret] of Object.entries(secrets)) {
        for (const form of formsOf(secret))
          assert.ok(!text.includes(form), `${name} as ${form} is in ${place}`)
      }
    }
    for (const recipient of [phone, other, closed, mail]) {
      assert.ok(!places.log.includes(recipient), `${recipient} is in the log`)
    }
  } finally {
    await installation.remove()
    echo.close()
    await Promise.all([login, filter].map((mail) => new Promise<void>((resolve) => mail.close(resolve))))
  }
})
