import { isIPv4 } from 'node:net'
import { resolve } from 'node:path'
import { type ReadFile, readSettings, readText, type Tree } from './config-file.ts'
import {
  type Channels,
  type Providers,
  type ReadNamed,
  readChannels,
  readProviders,
} from './config-providers.ts'
import {
  boolean,
  ConfigError,
  choice,
  host,
  integer,
  type Kind,
  key32,
  list,
  matching,
  origin,
  path,
  quote,
  secret,
  suggest,
} from './config-values.ts'

interface Setting<T = unknown> {
  /** In the file. */
  key: string
  /** In the environment. */
  env: string
  kind: Kind<T>
  /** As it would be written; without it the setting may be absent. */
  fallback?: string
  unit?: string
  /** Never shown, and may come from a file: `<env>_FILE`, `<key>_file`. */
  secret?: true
  about: string
}

const databaseUrl = matching(/^postgres(ql)?:\/\/\S+$/, 'postgres://user:password@host/database')
const accountSid = matching(/^AC[0-9a-f]{32}$/, 'AC and 32 hexadecimal digits')
const authToken = matching(/^[0-9a-f]{32}$/, '32 hexadecimal digits')

/** Every setting there is: one row here is its name, its default, its check and its line in the documents. */
const SETTINGS = {
  host: {
    key: 'host',
    env: 'HOST',
    kind: host,
    fallback: '127.0.0.1',
    about: 'The address to listen on. Beyond loopback it needs TLS, see below.',
  },
  port: {
    key: 'port',
    env: 'PORT',
    kind: integer(0, 65_535),
    fallback: '8080',
    about: 'The port to listen on; 0 takes a free one.',
  },
  publicUrl: {
    key: 'public_url',
    env: 'PUBLIC_URL',
    kind: origin,
    about:
      'How clients reach the server, for the URLs in its answers. Without it: what the request was sent to.',
  },
  dataDir: {
    key: 'data_dir',
    env: 'COUNTERSIGN_DATA_DIR',
    kind: path,
    fallback: './.countersign',
    about: 'The folder for the database, the keys and the certificates that the server makes.',
  },
  databaseUrl: {
    key: 'database_url',
    env: 'DATABASE_URL',
    kind: secret(databaseUrl),
    secret: true,
    about: 'PostgreSQL. Without it: SQLite in the data directory.',
  },
  accountSid: {
    key: 'account_sid',
    env: 'COUNTERSIGN_ACCOUNT_SID',
    kind: accountSid,
    about:
      'The first account, made at the first start. Without it: a random one. Only together with its token.',
  },
  authToken: {
    key: 'auth_token',
    env: 'COUNTERSIGN_AUTH_TOKEN',
    kind: secret(authToken),
    secret: true,
    about: "The first account's Auth Token.",
  },
  masterKeys: {
    key: 'master_key',
    env: 'COUNTERSIGN_MASTER_KEY',
    kind: list(secret(key32), '32 bytes in base64, or several of these between commas'),
    fallback: '',
    secret: true,
    about: 'The keys that seal secrets in the database. Without it: a key file in the data directory.',
  },
  placements: {
    key: 'placements',
    env: 'COUNTERSIGN_PLACEMENTS',
    kind: integer(1, 4096),
    fallback: '1',
    about: 'Read at the first start only: 4096 where the tables are distributed over machines, else 1.',
  },
  tlsCert: {
    key: 'tls_cert',
    env: 'COUNTERSIGN_TLS_CERT',
    kind: path,
    about: 'The certificate chain, a PEM file. Only together with its key.',
  },
  tlsKey: {
    key: 'tls_key',
    env: 'COUNTERSIGN_TLS_KEY',
    kind: path,
    about: "The certificate's private key, a PEM file.",
  },
  tlsTerminatedByProxy: {
    key: 'tls_terminated_by_proxy',
    env: 'COUNTERSIGN_TLS_TERMINATED_BY_PROXY',
    kind: boolean,
    fallback: 'false',
    about: 'True where a proxy that you trust ends TLS, and nobody else can reach the port.',
  },
  codeTtlSeconds: {
    key: 'code_ttl_seconds',
    env: 'COUNTERSIGN_CODE_TTL_SECONDS',
    kind: integer(120, 86_400),
    fallback: '600',
    unit: 'seconds',
    about: 'How long a code is good.',
  },
  customFriendlyName: {
    key: 'custom_friendly_name',
    env: 'COUNTERSIGN_CUSTOM_FRIENDLY_NAME',
    kind: boolean,
    fallback: 'true',
    about: "Whether a call may put its own `CustomFriendlyName` in the place of the service's name.",
  },
  verificationRetentionDays: {
    key: 'verification_retention_days',
    env: 'COUNTERSIGN_VERIFICATION_RETENTION_DAYS',
    kind: integer(1, 3650),
    fallback: '30',
    unit: 'days',
    about: 'How long verifications and their attempts are kept.',
  },
  inboxRetentionHours: {
    key: 'inbox_retention_hours',
    env: 'COUNTERSIGN_INBOX_RETENTION_HOURS',
    kind: integer(1, 8760),
    fallback: '24',
    unit: 'hours',
    about: 'How long messages in the inbox are kept.',
  },
  logLevel: {
    key: 'log_level',
    env: 'COUNTERSIGN_LOG_LEVEL',
    kind: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    fallback: 'info',
    about: 'The least severity that is logged.',
  },
} as const satisfies Record<string, Setting>

const CONFIG_FILE = 'COUNTERSIGN_CONFIG'

type Value<S> = S extends { kind: Kind<infer T>; fallback: string }
  ? T
  : S extends { kind: Kind<infer T> }
    ? T | undefined
    : never
type Settings = { readonly [Name in keyof typeof SETTINGS]: Value<(typeof SETTINGS)[Name]> }

/** All settings, checked, paths absolute. Safe to print: what is secret is a `Secret`. */
export interface Config extends Settings {
  /** By name, without the built-in `inbox`. */
  readonly providers: Providers
  /** The providers of each channel in the order they are tried; `inbox` may be among them. */
  readonly channels: Channels
}

/**
 * Reads environment and file; the environment wins, and an empty variable counts as unset.
 * Relative paths start at `cwd`. Throws ConfigError for anything unknown or malformed.
 */
export async function loadConfig(env: NodeJS.ProcessEnv, cwd: string, readFile: ReadFile): Promise<Config> {
  refuseUnknownVariables(env)
  const read = (where: string, path: string) => readText(where, resolve(cwd, path), readFile)
  const fileName = env[CONFIG_FILE] || 'countersign.yaml'
  const {
    providers: providerTree,
    channels: channelTree,
    ...tree
  } = await readSettings(fileName, resolve(cwd, fileName), Boolean(env[CONFIG_FILE]), readFile)
  refuseUnknownKeys(tree, fileName)

  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const given =
      (await find(setting, setting.env, env, '', '_FILE', read)) ??
      (await find(setting, setting.key, tree, ` in ${fileName}`, '_file', read))
    values[name] = given
      ? parse(setting, given, cwd)
      : setting.fallback === undefined
        ? undefined
        : setting.kind.parse(setting.fallback, cwd)
  }
  const settings = values as unknown as Settings
  refuseHalfPairs(settings)
  refuseOpenListening(settings)

  const providers = providerTree === undefined ? {} : await readProviders(providerTree, fileName, read)
  const channels = readChannels(channelTree, providers, isLoopback(settings.host), fileName)
  return { ...settings, providers, channels }
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** The settings as rows of a table, for the documents. */
export function describeSettings() {
  return Object.values<Setting>(SETTINGS).map(({ key, env, kind, fallback, unit, secret, about }) => ({
    key,
    env,
    fallback: fallback ?? '',
    unit: unit ?? '',
    secret: secret ?? false,
    expects: kind.expects,
    about,
  }))
}

/** A value as it was given, and the name it was given by. */
interface Given {
  where: string
  text: string
}

async function find(
  setting: Setting,
  name: string,
  source: Tree,
  suffix: string,
  fileSuffix: string,
  read: ReadNamed,
): Promise<Given | undefined> {
  const where = `${name}${suffix}`
  const direct = source[name]
  const inFile = setting.secret ? source[`${name}${fileSuffix}`] : undefined
  if (direct && inFile) throw new ConfigError(`${where} and ${name}${fileSuffix} are both given: keep one`)
  if (inFile) {
    const whereFile = `${name}${fileSuffix}${suffix}`
    return { where: whereFile, text: await read(whereFile, String(inFile)) }
  }
  if (!direct) return undefined
  const isList = Array.isArray(direct) && direct.every((item) => typeof item === 'string')
  if (typeof direct !== 'string' && !isList) {
    throw new ConfigError(`${where} is not a plain value: must be ${setting.kind.expects}`)
  }
  return { where, text: String(direct) }
}

function parse(setting: Setting, { where, text }: Given, cwd: string): unknown {
  const value = setting.kind.parse(text, cwd)
  if (value !== undefined) return value
  const shown = setting.secret ? ' (not shown)' : ` is ${quote(text)}`
  throw new ConfigError(`${where}${shown}: must be ${setting.kind.expects}`)
}

/** Only our own prefix can be checked: everything else in an environment may be somebody's. */
function refuseUnknownVariables(env: NodeJS.ProcessEnv) {
  const names = Object.values<Setting>(SETTINGS).flatMap(({ env, secret }) =>
    secret ? [env, `${env}_FILE`] : [env],
  )
  const known = [...names, CONFIG_FILE]
  const unknown = Object.keys(env).find((name) => name.startsWith('COUNTERSIGN_') && !known.includes(name))
  if (unknown) throw new ConfigError(`${unknown} is not a setting${suggest(unknown, known)}`)
}

function refuseUnknownKeys(tree: Tree, file: string) {
  const keys = Object.values<Setting>(SETTINGS).flatMap(({ key, secret }) =>
    secret ? [key, `${key}_file`] : [key],
  )
  const unknown = Object.keys(tree).find((key) => !keys.includes(key))
  if (unknown === undefined) return
  throw new ConfigError(
    `${quote(unknown)} in ${file} is not a setting${suggest(unknown, [...keys, 'providers', 'channels'])}`,
  )
}

function refuseHalfPairs(settings: Settings) {
  for (const [one, other] of [
    ['accountSid', 'authToken'],
    ['tlsCert', 'tlsKey'],
  ] as const) {
    if ((settings[one] === undefined) === (settings[other] === undefined)) continue
    const [given, missing] = settings[one] === undefined ? [other, one] : [one, other]
    throw new ConfigError(
      `${SETTINGS[given].env} is given without ${SETTINGS[missing].env}: give both or none`,
    )
  }
}

function refuseOpenListening({ host, tlsCert, tlsTerminatedByProxy }: Settings) {
  if (isLoopback(host) || tlsCert !== undefined || tlsTerminatedByProxy) return
  const cert = `${SETTINGS.tlsCert.env} and ${SETTINGS.tlsKey.env}`
  throw new ConfigError(
    `HOST is ${quote(host)}, which other machines can reach, without TLS: give ${cert}, ` +
      `or ${SETTINGS.tlsTerminatedByProxy.env}=true behind a proxy that ends TLS, or HOST=127.0.0.1`,
  )
}
