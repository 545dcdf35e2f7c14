import { isIPv4 } from 'node:net'
import { resolve } from 'node:path'
import { type ReadFile, readSettings, readText, type Tree } from './config-file.ts'
import {
  type Channels,
  type Numbers,
  type Providers,
  type ReadNamed,
  readChannels,
  readNumbers,
  readProviders,
} from './config-providers.ts'
import { SETTINGS, type Setting } from './config-settings.ts'
import { ConfigError, type Kind, PREFIX, quote, suggest } from './config-values.ts'
import { Secret } from './secret.ts'

const CONFIG_FILE = `${PREFIX}CONFIG`
const ALL_SETTINGS = 'docs/configuration.md has all there are'

type Value<S> = S extends { kind: Kind<infer T>; fallback: string }
  ? T
  : S extends { kind: Kind<infer T> }
    ? T | undefined
    : never
type Settings = { readonly [Name in keyof typeof SETTINGS]: Value<(typeof SETTINGS)[Name]> }

/** All settings, checked, paths absolute. Safe to print: what is secret is a `Secret`. */
export interface Config extends Settings {
  /** Where the master keys come from a file: they may change while the server runs. */
  readonly masterKeyFile: string | undefined
  /** What npm is given of the environment: where it lies, its own settings, proxies. These may hold passwords. */
  readonly npmEnvironment: Secret<Readonly<Record<string, string>>>
  /** By name, without the built-in `inbox`. */
  readonly providers: Providers
  /** The providers of each channel in the order they are tried; `inbox` may be among them. */
  readonly channels: Channels
  /** By E.164: those that accounts may take. */
  readonly numbers: Numbers
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
    numbers: numberTree,
    ...tree
  } = await readSettings(fileName, resolve(cwd, fileName), env[CONFIG_FILE] && CONFIG_FILE, readFile)
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
  const numbers = readNumbers(numberTree, channels, fileName)
  const keyFile = env.COUNTERSIGN_MASTER_KEY
    ? undefined
    : env.COUNTERSIGN_MASTER_KEY_FILE || tree.master_key_file
  const masterKeyFile = keyFile ? resolve(cwd, String(keyFile)) : undefined
  return {
    ...settings,
    masterKeyFile,
    npmEnvironment: new Secret(pickForNpm(env)),
    providers,
    channels,
    numbers,
  }
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** Names count in any case, as they do to npm. */
function pickForNpm(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = /^(PATH|NODE_EXTRA_CA_CERTS|(https?|all|no)_proxy|npm_config_.+)$/i
  const picked: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value && names.test(name)) picked[name] = value
  return picked
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
  const unknown = Object.keys(env).find((name) => name.startsWith(PREFIX) && !known.includes(name))
  if (unknown) throw new ConfigError(`${unknown} is not a setting${suggest(unknown, known)}; ${ALL_SETTINGS}`)
}

function refuseUnknownKeys(tree: Tree, file: string) {
  const keys = Object.values<Setting>(SETTINGS).flatMap(({ key, secret }) =>
    secret ? [key, `${key}_file`] : [key],
  )
  const unknown = Object.keys(tree).find((key) => !keys.includes(key))
  if (unknown === undefined) return
  throw new ConfigError(
    `${quote(unknown)} in ${file} is not a setting${suggest(unknown, [...keys, 'providers', 'channels', 'numbers'])}; ${ALL_SETTINGS}`,
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
