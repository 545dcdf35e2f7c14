import { X509Certificate } from 'node:crypto'
import { open, readFile, rm, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { ConfigError } from '../config-values.ts'
import { openStorage, systemClock } from '../context.ts'
import { readRates } from '../delivery/rates.ts'
import type { Finding } from '../operations/doctor.ts'
import { readServerFile } from '../server.ts'
import { ringFile } from '../storage/key-ring.ts'
import { compareTables } from '../storage/migrate.ts'
import { readTls } from '../tls.ts'
import { ask } from './ask.ts'
import { UNNAMED_PROXY } from './banner.ts'
import { examineCarriers } from './examine-carriers.ts'
import { examineWall } from './examine-wall.ts'
import { type PrintOptions, print } from './print.ts'
import { explain, readConfig, type Shell } from './shell.ts'

const DAY_MS = 86_400_000
const RENEW_DAYS = 14
/** A commit waits for one: beyond this the disk sets the pace. */
const SLOW_SYNC_MS = 10
const SYNCS = 21

/** Looks at everything that a server needs; says what is wrong and what to do. Status 1 where there is a problem. */
export async function examineAll(shell: Shell, options: PrintOptions): Promise<number> {
  const findings = await readConfig(shell).then(examineConfigured, (error: Error): Finding[] => {
    if (!(error instanceof ConfigError)) throw error
    return [{ what: 'configuration', state: 'problem', detail: error.message }]
  })
  print(shell, options, findings, (list) =>
    list.flatMap(({ what, state, detail, advice }) => [
      `${state.padEnd(8)} ${what}: ${detail}`,
      ...(advice ? [`${' '.repeat(9)}→ ${advice}`] : []),
    ]),
  )
  return findings.some(({ state }) => state === 'problem') ? 1 : 0
}

async function examineConfigured(config: Config): Promise<Finding[]> {
  const looked: (Finding | undefined)[] = [
    { what: 'configuration', state: 'ok', detail: 'every setting is one' },
    await examineRates(config),
    await examineDataDir(config),
    await examineKeyFile(config),
    await examineDisk(config),
    ...(await examineCertificate(config)),
    ...(await examineServer(config)),
    examineChannels(config),
    await examineWall(config),
  ]
  return looked.filter((finding) => finding !== undefined)
}

async function examineRates({ rates }: Config): Promise<Finding | undefined> {
  if (rates === undefined) return undefined
  try {
    const { currency } = await readRates(rates)
    return { what: 'rates', state: 'ok', detail: `${rates}, in ${currency}` }
  } catch (error) {
    const advice = 'the server does not start with it: docs/usage.md'
    return { what: 'rates', state: 'problem', detail: explain(error as Error), advice }
  }
}

async function examineDataDir({ dataDir }: Config): Promise<Finding> {
  const what = 'data directory'
  const mode = await modeOf(dataDir)
  if (mode === undefined) return { what, state: 'ok', detail: `${dataDir} will be made at the first start` }
  if ((mode & 0o077) === 0) return { what, state: 'ok', detail: dataDir }
  const advice = `chmod 700 ${dataDir}`
  return { what, state: 'warning', detail: `${dataDir} is open to other users of this machine`, advice }
}

async function examineKeyFile({ dataDir, masterKeyFile }: Config): Promise<Finding | undefined> {
  const path = masterKeyFile ?? ringFile(dataDir)
  const mode = await modeOf(path)
  if (mode === undefined) return undefined
  if ((mode & 0o077) === 0) return { what: 'key file', state: 'ok', detail: path }
  // A file that a setting names may be open to a group on purpose; our own is refused at the start.
  const state = masterKeyFile === undefined || (mode & 0o007) !== 0 ? 'problem' : 'warning'
  return { what: 'key file', state, detail: `${path} can be read by others`, advice: `chmod 600 ${path}` }
}

const modeOf = (path: string) =>
  stat(path).then(
    ({ mode }) => mode,
    () => undefined,
  )

/** Where SQLite writes, a commit waits until the disk says that it has it. */
async function examineDisk({ dataDir, databaseUrl }: Config): Promise<Finding | undefined> {
  if (databaseUrl) return undefined
  const path = join(dataDir, 'doctor.tmp')
  try {
    const file = await open(path, 'w', 0o600)
    const times: number[] = []
    try {
      for (let i = 0; i < SYNCS; i++) {
        const startedAt = performance.now()
        await file.write(Buffer.alloc(4_096, i))
        await file.datasync()
        times.push(performance.now() - startedAt)
      }
    } finally {
      await file.close()
      await rm(path, { force: true })
    }
    const median = times.sort((a, b) => a - b)[SYNCS >> 1] ?? 0
    const isSlow = median > SLOW_SYNC_MS
    return {
      what: 'disk',
      state: isSlow ? 'warning' : 'ok',
      detail: `a write is on the disk after ${median.toFixed(2)} ms`,
      ...(isSlow && { advice: 'each answer waits for one: put the data directory on a faster disk' }),
    }
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined // before the first start
    const advice = 'the server has to write there'
    return { what: 'disk', state: 'problem', detail: explain(error as Error), advice }
  }
}

async function examineCertificate(config: Config): Promise<Finding[]> {
  const what = 'certificate'
  if (!config.tlsCert) {
    if (!config.tlsTerminatedByProxy) return []
    if (config.trustedProxies.length === 0) {
      const advice = 'set COUNTERSIGN_TRUSTED_PROXIES: docs/access.md'
      return [{ what, state: 'problem', detail: UNNAMED_PROXY, advice }]
    }
    return [{ what, state: 'ok', detail: 'a proxy ends TLS: that nobody else reaches the port is up to you' }]
  }
  try {
    await readTls(config)
  } catch (error) {
    const advice = 'both are PEM files, and the key is that of the first certificate'
    return [{ what, state: 'problem', detail: explain(error as Error), advice }]
  }
  const certificate = new X509Certificate(await readFile(config.tlsCert))
  const host = config.publicUrl && new URL(config.publicUrl).hostname
  const isFor = host && (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host))
  if (!host || isFor !== undefined) return [examineEnd(certificate)]
  const advice = 'clients of PUBLIC_URL will refuse it'
  return [examineEnd(certificate), { what, state: 'problem', detail: `is not for ${host}`, advice }]
}

function examineEnd({ validTo }: X509Certificate): Finding {
  const what = 'certificate'
  const days = Math.floor((Date.parse(validTo) - systemClock.now()) / DAY_MS)
  const advice = 'put a new one in its place: the server takes it up by itself'
  if (days < 0) return { what, state: 'problem', detail: `ended ${validTo}`, advice }
  if (days < RENEW_DAYS) return { what, state: 'warning', detail: `ends in ${days} days`, advice }
  return { what, state: 'ok', detail: `ends in ${days} days` }
}

/** By the server that runs, or else by trying the carriers and looking into the database, which is not changed. */
async function examineServer(config: Config): Promise<Finding[]> {
  const running = await readServerFile(config.dataDir)
  const signal = AbortSignal.timeout(5_000)
  const reply = running && (await fetch(new URL('/readyz', running.url), { signal }).catch(() => undefined))
  const server: Finding = !reply
    ? { what: 'server', state: 'ok', detail: 'none runs on this data directory' }
    : reply.ok
      ? { what: 'server', state: 'ok', detail: `ready, ${running.url}` }
      : { what: 'server', state: 'problem', detail: `not ready, ${running.url}`, advice: 'see below' }
  const carriers = reply ? [] : await examineCarriers(config)
  try {
    const tables = reply ? 'current' : await compareStoredTables(config)
    if (tables === 'current') return [server, ...(await ask(config, 'doctor', undefined)), ...carriers]
    const detail =
      tables === 'empty' ? 'empty: the first start fills it' : 'its tables are an older version’s'
    return [server, { what: 'database', state: 'ok', detail }, ...carriers]
  } catch (error) {
    const advice = 'the server does not start, or serve, before this'
    const database: Finding = { what: 'database', state: 'problem', detail: explain(error as Error), advice }
    return [server, database, ...carriers]
  }
}

async function compareStoredTables(config: Config) {
  const isThere = config.databaseUrl || (await modeOf(join(config.dataDir, 'countersign.db'))) !== undefined
  if (!isThere) return 'empty'
  const storage = await openStorage(config)
  return compareTables(storage).finally(() => storage.close())
}

function examineChannels({ channels }: Config): Finding | undefined {
  const served = Object.entries(channels).flatMap(([channel, providers]) =>
    providers.length > 0 ? [channel] : [],
  )
  const real = Object.entries(channels).filter(([, providers]) => providers.some((id) => id !== 'inbox'))
  if (real.length > 0)
    return { what: 'channels', state: 'ok', detail: real.map(([channel]) => channel).join(', ') }
  return {
    what: 'channels',
    state: 'warning',
    detail: served.length > 0 ? 'only the inbox takes messages: nobody gets one' : 'no channel has a carrier',
    advice: 'docs/carriers.md',
  }
}
