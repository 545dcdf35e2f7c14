import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
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
import { examineCarriers } from './examine-carriers.ts'
import { examineDataDirectory, modeOf } from './examine-data-directory.ts'
import { examineDescriptors, examinePort } from './examine-machine.ts'
import { examineSettings } from './examine-settings.ts'
import { examineWall } from './examine-wall.ts'
import { type PrintOptions, print } from './print.ts'
import { explain, readConfig, type Shell } from './shell.ts'

const DAY_MS = 86_400_000
const RENEW_DAYS = 14

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
    ...examineSettings(config),
    ...(await examineDataDirectory(config)),
    await examineKeyFile(config),
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

async function examineKeyFile({ dataDir, masterKeyFile }: Config): Promise<Finding | undefined> {
  const path = masterKeyFile ?? ringFile(dataDir)
  const mode = await modeOf(path)
  if (mode === undefined) return undefined
  if ((mode & 0o077) === 0) return { what: 'key file', state: 'ok', detail: path }
  // A file that a setting names may be open to a group on purpose; our own is refused at the start.
  const state = masterKeyFile === undefined || (mode & 0o007) !== 0 ? 'problem' : 'warning'
  return { what: 'key file', state, detail: `${path} can be read by others`, advice: `chmod 600 ${path}` }
}

async function examineCertificate(config: Config): Promise<Finding[]> {
  const what = 'certificate'
  if (!config.tlsCert) return []
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
async function examineServer(config: Config): Promise<(Finding | undefined)[]> {
  const running = await readServerFile(config.dataDir)
  const signal = AbortSignal.timeout(5_000)
  const reply = running && (await fetch(new URL('/readyz', running.url), { signal }).catch(() => undefined))
  const server: Finding = !reply
    ? { what: 'server', state: 'ok', detail: 'none runs on this data directory' }
    : reply.ok
      ? { what: 'server', state: 'ok', detail: `ready, ${running.url}` }
      : { what: 'server', state: 'problem', detail: `not ready, ${running.url}`, advice: 'see below' }
  const around = reply
    ? [server, await examineDescriptors(running.pid)]
    : [server, await examinePort(config), await examineDescriptors()]
  const carriers = reply ? [] : await examineCarriers(config)
  try {
    const tables = reply ? 'current' : await compareStoredTables(config)
    // Of rates it is said above what is wrong.
    if (tables === 'current')
      return [...around, ...(await ask({ ...config, rates: undefined }, 'doctor', undefined)), ...carriers]
    const detail =
      tables === 'empty' ? 'empty: the first start fills it' : 'its tables are an older version’s'
    return [...around, { what: 'database', state: 'ok', detail }, ...carriers]
  } catch (error) {
    const advice = 'the server does not start, or serve, before this'
    const database: Finding = { what: 'database', state: 'problem', detail: explain(error as Error), advice }
    return [...around, database, ...carriers]
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
