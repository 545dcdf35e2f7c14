// What the server does on this machine: docs/performance.md says what the figures mean. `--quick` is for developers: short
// rounds, and 100,000 rows in place of a million. `--only functions` measures these, and leaves all other results as they
// were.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type AuthenticationRow, measureAuthentication } from './authentication.ts'
import { type BackupRow, measureBackup } from './backup.ts'
import { type Bed, type PostgresBed, postgresBed, runPgbench, sqliteBed } from './database.ts'
import { measureFunctions } from './functions.ts'
import { load, median } from './measure.ts'
import {
  printAuthentication,
  printBackup,
  printFunctions,
  printStart,
  printTable,
  type Row,
} from './report.ts'
import {
  peakMemoryMb,
  ROOT,
  startCountersign,
  startRaw,
  startWithoutCarrier,
  type Target,
  timeStart,
} from './target.ts'
import { measureUnderAttack } from './under-attack.ts'

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
const { quick = false, only } = options
if (only !== undefined && only !== 'functions') throw new Error('--only is for functions')
const ROUNDS = quick ? 2 : 5
const SECONDS = quick ? 1.5 : 5
const ROWS = quick ? 100_000 : 1_000_000
const AUTHENTICATION_ROUNDS = quick ? 4 : 40
const STARTS = quick ? 3 : 9
const PGBENCH_EACH = quick ? 200 : 1_000
const RESULTS = `${ROOT}/bench/results.json`

const readServiceSid = async (bed: Bed) =>
  (await bed.query<{ sid: string }>('select sid from service order by created_at limit 1')).sid

const run = {
  date: new Date().toISOString(),
  quick,
  machine: {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    sqlite: process.versions.sqlite,
  },
}
const starts: Awaited<ReturnType<typeof measureStarts>>[] = []
const rows: Row[] = []
const authentication: AuthenticationRow[] = []
const backup: BackupRow[] = []
const raw = await startRaw()
const verifications = only === undefined && (await measureVerifications())
await raw.stop()
const functions = await measureFunctionsPart()
writeFileSync(
  RESULTS,
  `${JSON.stringify({ ...(verifications || JSON.parse(readFileSync(RESULTS, 'utf8'))), functions }, null, 2)}\n`,
)

async function measureVerifications() {
  console.log('start')
  const bed = sqliteBed()
  const packed = pack()
  await (await startCountersign(bed)).stop()
  const serviceSid = await readServiceSid(bed)
  starts.push(await measureStarts('checkout', ['bin/server.ts'], bed, serviceSid))
  starts.push(
    await measureStarts('packed', [join(packed, 'dist/bin/countersign.js'), 'serve'], bed, serviceSid),
  )
  rmSync(packed, { recursive: true, force: true })
  await bed.remove()

  await measureBed(sqliteBed())
  const postgres = await postgresBed()
  console.log(`PostgreSQL: ${JSON.stringify(postgres.settings)}`)
  await measureBed(postgres, postgres)

  printStart(starts)
  printTable(rows)
  printAuthentication(authentication)
  printBackup(backup)
  return { ...run, postgres: postgres.settings, starts, rows, authentication, backup }
}

/** On SQLite: what Functions cost has little to do with the database. */
async function measureFunctionsPart() {
  const bed = sqliteBed()
  try {
    await (await startCountersign(bed)).stop()
    const serviceSid = await readServiceSid(bed)
    const measured = {
      ...(await measureFunctions(bed, { count: ROUNDS, seconds: SECONDS, starts: STARTS })),
      attacks: await measureUnderAttack(bed, serviceSid, { count: ROUNDS, seconds: SECONDS }),
    }
    printFunctions(measured)
    return { ...run, ...measured }
  } finally {
    await bed.remove()
  }
}

async function measureBed(bed: Bed, postgres?: PostgresBed): Promise<void> {
  try {
    let server = await startCountersign(bed)
    const serviceSid = await readServiceSid(bed)
    rows.push(await measure(bed, 0, [server], serviceSid, postgres))
    await server.stop()
    await bed.fill(serviceSid, ROWS)
    server = await startCountersign(bed)
    rows.push(await measure(bed, ROWS, [server], serviceSid, postgres))
    if (postgres) {
      const second = await startCountersign({ dataDir: bed.dataDir, url: postgres.url })
      rows.push(await measure(bed, ROWS, [server, second], serviceSid))
      await second.stop()
    }
    // PostgreSQL is backed up with its own tools.
    else
      backup.push(await measureBackup(bed, ROWS, server, serviceSid, { count: ROUNDS, seconds: SECONDS * 2 }))
    await server.stop()
    authentication.push(await measureAuthentication(bed, ROWS, serviceSid, AUTHENTICATION_ROUNDS))
    const quiet = await startWithoutCarrier(bed)
    rows.push(await measureWithoutCarrier(bed, quiet, serviceSid))
    await quiet.stop()
  } finally {
    await bed.remove()
  }
}

/** Rounds in turn with the bare server (and pgbench), so that what disturbs the machine disturbs all of them. */
async function measure(
  bed: Bed,
  existing: number,
  servers: Target[],
  serviceSid: string,
  postgres?: PostgresBed,
): Promise<Row> {
  console.log(`${bed.engine}, ${existing} rows, ${servers.length} process(es)`)
  const loads = load(bed, servers, serviceSid)
  const rounds: {
    create: number
    check: number
    rawCreate: number
    rawCheck: number
    pgCreate?: number
    pgCheck?: number
  }[] = []
  // Once before, so that all code is compiled and every statement prepared.
  for (let round = -1; round < ROUNDS; round++) {
    const created = await loads.create(SECONDS)
    const checked = await loads.check(created.sent)
    const bare = await loads.raw(raw, created.sent, SECONDS / 2)
    const plain = postgres && (await runPgbench(postgres, PGBENCH_EACH))
    if (round < 0) continue
    rounds.push({
      create: created.result.perSecond,
      check: checked.perSecond,
      rawCreate: bare.create.perSecond,
      rawCheck: bare.check.perSecond,
      ...(plain && { pgCreate: plain.create, pgCheck: plain.check }),
    })
  }
  const of = (figure: (round: (typeof rounds)[number]) => number) => median(rounds.map(figure))
  const createPerSecond = of(({ create }) => create)
  const checkPerSecond = of(({ check }) => check)
  const halfCreate = await loads.create(SECONDS * 2, createPerSecond / 2)
  const halfCheck = await loads.check(halfCreate.sent, checkPerSecond / 2)
  const memory = servers.map(peakMemoryMb).filter((mb) => mb !== undefined)
  return {
    name: `${bed.engine}${servers.length > 1 ? `, ${servers.length} processes` : ''}`,
    rows: existing,
    createPerSecond,
    checkPerSecond,
    rawPerSecond: of(({ rawCreate }) => rawCreate),
    createOfRaw: of(({ create, rawCreate }) => create / rawCreate),
    checkOfRaw: of(({ check, rawCheck }) => check / rawCheck),
    ...(postgres && {
      createOfPgbench: of(({ create, pgCreate }) => create / (pgCreate ?? Number.NaN)),
      checkOfPgbench: of(({ check, pgCheck }) => check / (pgCheck ?? Number.NaN)),
    }),
    createP50Ms: halfCreate.result.p50Ms,
    createP99Ms: halfCreate.result.p99Ms,
    checkP50Ms: halfCheck.p50Ms,
    checkP99Ms: halfCheck.p99Ms,
    ...(memory.length > 0 && { memoryMb: Math.max(...memory) }),
    rounds,
  }
}

async function measureWithoutCarrier(bed: Bed, server: Target, serviceSid: string): Promise<Row> {
  console.log(`${bed.engine}, without a carrier`)
  const loads = load(bed, [server], serviceSid)
  await loads.createOnly(SECONDS)
  const rounds: { create: number; rawCreate: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const created = await loads.createOnly(SECONDS)
    const bare = await loads.raw(raw, [{ to: '+12012201234', code: '123456' }], SECONDS / 2)
    rounds.push({ create: created.perSecond, rawCreate: bare.create.perSecond })
  }
  return {
    name: `${bed.engine}, without a carrier`,
    rows: ROWS,
    createPerSecond: median(rounds.map(({ create }) => create)),
    rawPerSecond: median(rounds.map(({ rawCreate }) => rawCreate)),
    createOfRaw: median(rounds.map(({ create, rawCreate }) => create / rawCreate)),
    rounds,
  }
}

async function measureStarts(name: string, args: string[], bed: Bed, serviceSid: string) {
  await timeStart(args, bed, serviceSid) // writes the compile cache
  const times = []
  for (let i = 0; i < STARTS; i++) times.push(await timeStart(args, bed, serviceSid))
  return {
    name,
    healthMs: median(times.map(({ healthMs }) => healthMs)),
    operationMs: median(times.map(({ operationMs }) => operationMs)),
  }
}

/** The package as npm makes it, unpacked beside the dependencies of the checkout. */
function pack(): string {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-packed-'))
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], { cwd: ROOT, stdio: 'ignore' })
  execFileSync('sh', ['-c', 'tar -xzf ./*.tgz --strip-components=1'], { cwd: directory })
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  return directory
}
