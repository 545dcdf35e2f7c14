import type { ErrorObject } from 'ajv'
import type { TObject } from 'typebox'
import { isTree, type Tree } from './config-file.ts'
import { ConfigError, quote, suggest } from './config-values.ts'
import { CHANNELS, type Channel } from './delivery/provider.ts'
import type { OptionFault } from './delivery/providers/option-fault.ts'
import type { SmppOptions } from './delivery/providers/smpp/options.ts'
import type { SmtpOptions } from './delivery/providers/smtp/options.ts'
import { Secret } from './secret.ts'

/** A provider as configured. Its options are kept from print as a whole: a password is among them. */
export type ProviderConfig =
  | { readonly kind: 'smpp'; readonly options: Secret<SmppOptions> }
  | { readonly kind: 'smtp'; readonly options: Secret<SmtpOptions> }

type ProviderKind = ProviderConfig['kind']
export type Providers = Readonly<Record<string, ProviderConfig>>
export type Channels = Readonly<Record<Channel, readonly string[]>>

/** The numbers by which people write, each with the providers that carry what is sent from it, in order. */
export type Numbers = Readonly<Record<string, readonly string[]>>

/** Reads a file's text; `where` names the key that asked for it. */
export type ReadNamed = (where: string, path: string) => Promise<string>

interface Rules {
  schema: TObject
  findFault(options: never): OptionFault | undefined
}

/** What each kind can carry, and the rules of its options, loaded only when a provider is of that kind. */
const KINDS: Record<ProviderKind, { channels: readonly Channel[]; rules: () => Promise<Rules> }> = {
  smpp: {
    channels: ['sms'],
    async rules() {
      const { SmppOptions: schema, findFault } = await import('./delivery/providers/smpp/options.ts')
      return { schema, findFault }
    },
  },
  smtp: {
    channels: ['email'],
    async rules() {
      const { SmtpOptions: schema, findFault } = await import('./delivery/providers/smtp/options.ts')
      return { schema, findFault }
    },
  },
}

const isKind = (kind: unknown): kind is ProviderKind => typeof kind === 'string' && Object.hasOwn(KINDS, kind)

/** The `providers` of the file: options checked, defaults filled in. Throws ConfigError. */
export async function readProviders(source: unknown, file: string, read: ReadNamed): Promise<Providers> {
  if (!isTree(source)) {
    throw new ConfigError(`providers in ${file} must map names to providers, like main: { kind: smpp, … }`)
  }
  const providers: Record<string, ProviderConfig> = {}
  for (const [id, options] of Object.entries(source)) {
    providers[id] = await readProvider(id, options, file, read)
  }
  return providers
}

async function readProvider(
  id: string,
  source: unknown,
  file: string,
  read: ReadNamed,
): Promise<ProviderConfig> {
  const where = `providers.${id}`
  if (id === 'inbox') {
    throw new ConfigError(`${where} in ${file}: inbox is built in, give this provider another name`)
  }
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(id)) {
    throw new ConfigError(
      `${quote(where)} in ${file}: a provider's name must be 1 to 32 of a-z, 0-9 and -, beginning with a letter`,
    )
  }
  const kind = isTree(source) ? source.kind : undefined
  if (!isTree(source) || !isKind(kind)) {
    const kinds = Object.keys(KINDS).join(', ')
    throw new ConfigError(`${where}.kind in ${file} is ${quote(kind ?? 'missing')}: must be one of ${kinds}`)
  }
  const { schema, findFault } = await KINDS[kind].rules()
  const { kind: _, ...given } = source
  const options = await prepareOptions(given, schema, where, file, read)
  // Imported here, since a server without providers starts without it.
  const { Ajv } = await import('ajv')
  const validate = new Ajv({
    allErrors: true,
    coerceTypes: true,
    useDefaults: true,
    strict: false,
    verbose: true,
  }).compile(schema)
  if (!validate(options)) throw new ConfigError(describe(validate.errors ?? [], kind, where, file))
  const fault = findFault(options as never)
  if (fault) throw new ConfigError(`${where}.${fault.option} in ${file} ${fault.fault}`)
  return { kind, options: new Secret(options) } as ProviderConfig
}

/** A schema as far as this file looks into it. */
interface Schema {
  type?: string
  enum?: readonly unknown[]
  /** The pattern in words, to complete "must be …". */
  expects?: string
  properties?: Readonly<Record<string, Schema>>
}

/**
 * The options as the schema can judge them: each `x_file`, where it knows a text `x` but no `x_file`, becomes `x` with
 * the file's text; and a member of an enumeration, text so far, becomes itself (Ajv's coercion leaves those alone).
 */
async function prepareOptions(
  source: Tree,
  schema: Schema,
  where: string,
  file: string,
  read: ReadNamed,
): Promise<Tree> {
  const options: Tree = {}
  for (const [key, value] of Object.entries(source)) {
    const known = schema.properties?.[key]
    const at = `${where}.${key}`
    const target = key.replace(/_file$/, '')
    if (isTree(value)) {
      options[key] = await prepareOptions(value, known ?? {}, at, file, read)
    } else if (known || target === key || schema.properties?.[target]?.type !== 'string') {
      options[key] = known?.enum?.find((member) => String(member) === value) ?? value
    } else if (target in source) {
      throw new ConfigError(`${at} in ${file} and ${target} are both given: keep one`)
    } else {
      options[target] = await read(`${at} in ${file}`, String(value))
    }
  }
  return options
}

/** The most telling of Ajv's complaints, in our words: a mistyped name comes before what is then missing. */
function describe(errors: readonly ErrorObject[], kind: string, where: string, file: string): string {
  const whole = errors.filter((error) => !/\/(anyOf|oneOf)\/\d/.test(error.schemaPath))
  const error = whole.find(({ keyword }) => keyword === 'additionalProperties') ?? whole[0]
  const path = [where, ...(error?.instancePath.split('/').slice(1) ?? [])].join('.')
  const params = (error?.params ?? {}) as Record<string, string>
  const rule = (error?.parentSchema ?? {}) as Schema
  switch (error?.keyword) {
    case 'additionalProperties': {
      const key = params.additionalProperty ?? ''
      const names = Object.keys(rule.properties ?? {})
      return `${path}.${key} in ${file} is not an option of ${kind}${suggest(key, names)}`
    }
    case 'required':
      return `${path}.${params.missingProperty} in ${file} is missing`
    case 'enum':
      return `${path} in ${file} is ${quote(error.data)}: must be one of ${rule.enum?.join(', ')}`
    default: {
      // Free text is not shown, nor a map: either may hold a secret.
      const shown = /^(number|integer|boolean)$/.test(rule.type ?? '') && !isTree(error?.data)
      const must = rule.expects ? `must be ${rule.expects}` : error?.message
      return `${path} in ${file}${shown ? ` is ${quote(error?.data)}` : ''}: ${must}`
    }
  }
}

/**
 * Which providers serve a channel, in order. Nothing serves a channel unless `channels` says so, and a provider that
 * no channel names stops the start: guessing an order could send over the wrong carrier, at somebody's cost.
 * Without `providers` and `channels`, on loopback, the inbox serves everything. Throws ConfigError.
 */
export function readChannels(
  source: unknown,
  providers: Providers,
  loopback: boolean,
  file: string,
): Channels {
  const ids = Object.keys(providers)
  const everything = source === undefined && ids.length === 0 && loopback
  const channels: Record<Channel, readonly string[]> = everything
    ? { sms: ['inbox'], call: ['inbox'], email: ['inbox'], whatsapp: ['inbox'] }
    : { sms: [], call: [], email: [], whatsapp: [] }
  if (source !== undefined && !isTree(source)) {
    throw new ConfigError(`channels in ${file} must map channels to providers, like sms: [main]`)
  }
  for (const [name, order] of Object.entries(source ?? {})) {
    const channel = CHANNELS.find((known) => known === name)
    if (!channel) {
      throw new ConfigError(
        `channels.${name} in ${file} is not a channel: must be one of ${CHANNELS.join(', ')}`,
      )
    }
    channels[channel] = readOrder(channel, order, providers, file)
  }
  const idle = ids.find((id) => !Object.values(channels).some((order) => order.includes(id)))
  if (idle) {
    const [channel] = KINDS[providers[idle]?.kind ?? 'smpp'].channels
    throw new ConfigError(
      `providers.${idle} in ${file} serves no channel: name it in channels, like ${channel}: [${idle}], or remove it`,
    )
  }
  return channels
}

function readOrder(channel: Channel, order: unknown, providers: Providers, file: string): string[] {
  const where = `channels.${channel} in ${file}`
  if (!Array.isArray(order)) {
    throw new ConfigError(`${where} is ${quote(order)}: must be a list of providers, like [main, inbox]`)
  }
  const ids = order.map(String)
  for (const [index, id] of ids.entries()) {
    const provider = Object.hasOwn(providers, id) ? providers[id] : undefined
    if (!provider && id !== 'inbox') {
      const known = [...Object.keys(providers), 'inbox']
      throw new ConfigError(
        `${where} names ${quote(id)}, which is no provider: must be among ${known.join(', ')}`,
      )
    }
    if (provider && !KINDS[provider.kind].channels.includes(channel)) {
      const carried = KINDS[provider.kind].channels.join(', ')
      throw new ConfigError(`${where} names ${id}, whose kind ${provider.kind} carries ${carried} only`)
    }
    if (ids.indexOf(id) !== index) throw new ConfigError(`${where} names ${id} twice: keep one`)
  }
  return ids
}

/**
 * Which numbers accounts may take: `+15017122661: main`, or a list of providers. They have to be among those of the
 * channel `sms`. Throws ConfigError.
 */
export function readNumbers(source: unknown, { sms }: Channels, file: string): Numbers {
  if (source === undefined) return {}
  if (!isTree(source)) {
    throw new ConfigError(`numbers in ${file} must map numbers to providers, like "+15017122661": main`)
  }
  return Object.fromEntries(
    Object.entries(source).map(([number, given]) => {
      const where = `numbers.${number} in ${file}`
      if (!/^\+[1-9]\d{6,14}$/.test(number)) {
        throw new ConfigError(`${quote(number)} in numbers of ${file}: must be a number like +15017122661`)
      }
      const ids = (Array.isArray(given) ? given : [given]).map(String)
      const unknown = ids.find((id) => !sms.includes(id))
      if (ids.length === 0 || unknown !== undefined) {
        const known = sms.join(', ') || 'none: name one in channels'
        throw new ConfigError(`${where} is ${quote(given)}: must be among the providers of sms (${known})`)
      }
      return [number, ids]
    }),
  )
}
