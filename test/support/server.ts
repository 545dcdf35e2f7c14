import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { ensureFirstAccount, openAuthToken } from '../../src/accounts/accounts/account.ts'
import { buildApp } from '../../src/app.ts'
import type { Clock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config.ts'
import { type Context, closeContext, openContext, systemClock } from '../../src/context.ts'
import type { Log } from '../../src/log.ts'
import type { Observe } from '../../src/storage/storage.ts'
import { makeService } from '../../src/verify/services/service.ts'
import { insertService } from '../../src/verify/services/store.ts'
import { watchExchanges } from '../contract/exchange.ts'

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  body: any
  headers: Record<string, unknown>
}

export type Form = Record<string, string | number | boolean | readonly string[]>

export interface TestServer {
  ctx: Context
  app: FastifyInstance
  accountSid: string
  authToken: string
  /** Of a service with the defaults. */
  serviceSid: string
  get(path: string, authorization?: string): Promise<Reply>
  post(path: string, form?: Form, authorization?: string): Promise<Reply>
  del(path: string, authorization?: string): Promise<Reply>
  /** Starts a verification by SMS in the default service. */
  start(to: string, form?: Form): Promise<Reply>
  check(to: string, code: string, form?: Form): Promise<Reply>
  /** The code that the inbox received last for a recipient. */
  lastCode(to: string): Promise<string>
  /** Opens a port of loopback, for clients that need one. */
  listen(): Promise<string>
  /** All that was logged, as lines. */
  logged: string[]
  close(): Promise<void>
}

export const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** A number that is valid and not used by another caller. */
let numbers = 0
export const freshNumber = () => `+1415555${String(2000 + numbers++).padStart(4, '0')}`

/** A server on a database of its own (PostgreSQL where TEST_DATABASE_URL is set), its account and a service. */
export async function testServer(
  options: { env?: NodeJS.ProcessEnv; clock?: Clock; file?: string; observe?: Observe } = {},
): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  const database = await makeDatabase()
  const config = await loadConfig(
    { PORT: '0', COUNTERSIGN_DATA_DIR: dataDir, ...database.env, ...options.env },
    dataDir,
    (path) =>
      options.file !== undefined && path.endsWith('countersign.yaml')
        ? Promise.resolve(options.file)
        : readFile(path, 'utf8'),
  )
  const logged: string[] = []
  const write = (level: string) => (fields: object, message: string) =>
    void logged.push(
      JSON.stringify({ level, message, ...fields, ...('err' in fields && { err: String(fields.err) }) }),
    )
  const log: Log = { info: write('info'), warn: write('warn'), error: write('error') }
  const ctx = await openContext(config, log, {
    clock: options.clock ?? systemClock,
    ...(options.observe && { observe: options.observe }),
  })
  const service = { sid: '' }
  const { account } = await ensureFirstAccount(ctx, (tx, { sid }) =>
    insertService(tx, Object.assign(service, makeService(ctx, sid, { FriendlyName: 'Test' }))),
  )
  const authToken = openAuthToken(ctx, account.sid, account.authToken)
  const serviceSid = service.sid
  const app = buildApp(ctx, { controlSecret: 'not used' })
  const checkExchanges = watchExchanges(app)
  await ctx.delivery.start()
  const own = basic(account.sid, authToken)

  async function call(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    form: Form | undefined,
    authorization: string,
  ) {
    const payload = form && encodeForm(form)
    const reply = await app.inject({
      method,
      url,
      headers: {
        authorization,
        host: 'localhost:8080',
        ...(payload !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(payload !== undefined && { payload }),
    })
    const body = reply.body === '' ? undefined : reply.json()
    checkExchanges()
    return { status: reply.statusCode, body, headers: reply.headers }
  }

  const server: TestServer = {
    ctx,
    app,
    accountSid: account.sid,
    authToken,
    serviceSid,
    logged,
    get: (path, authorization = own) => call('GET', path, undefined, authorization),
    post: (path, form = {}, authorization = own) => call('POST', path, form, authorization),
    del: (path, authorization = own) => call('DELETE', path, undefined, authorization),
    start: (to, form = {}) =>
      server.post(`/v2/Services/${serviceSid}/Verifications`, { To: to, Channel: 'sms', ...form }),
    check: (to, code, form = {}) =>
      server.post(`/v2/Services/${serviceSid}/VerificationCheck`, { To: to, Code: code, ...form }),
    async lastCode(to) {
      await ctx.delivery.drained()
      const { body } = await server.get(`/inbox/messages?To=${encodeURIComponent(to)}`)
      return body.messages[0].code
    },
    async listen() {
      await app.listen({ host: '127.0.0.1', port: 0 })
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    },
    async close() {
      await app.close()
      await closeContext(ctx)
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
      checkExchanges()
    },
  }
  return server
}

export const encodeForm = (form: Form) =>
  Object.entries(form)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const),
    )
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')

/** A database of its own: a schema of PostgreSQL, or the SQLite file of the data directory. */
export async function makeDatabase(): Promise<{ env: NodeJS.ProcessEnv; drop(): Promise<void> }> {
  const url = process.env.TEST_DATABASE_URL
  if (!url) return { env: {}, drop: async () => {} }
  const schema = `test_${randomBytes(6).toString('hex')}`
  await runOn(url, `create schema ${schema}`)
  const own = new URL(url)
  own.searchParams.set('options', `-c search_path=${schema}`)
  return { env: { DATABASE_URL: own.href }, drop: () => runOn(url, `drop schema ${schema} cascade`) }
}

async function runOn(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}
