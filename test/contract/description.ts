/** The official descriptions of the APIs, as the Twilio CLI ships them: read where they lie, never copied. */
import { readFileSync } from 'node:fs'

const DIRECTORY = '../../node_modules/@twilio/cli-core/src/services/twilio-api'

/** The APIs of which something is ours: their files, and which of their paths. */
const PRODUCTS = {
  verify: { file: 'twilio_verify_v2.json', ours: /^\/v2\// },
  api: {
    file: 'twilio_api_v2010.json',
    // Of numbers and messages not what lies below them.
    ours: /^\/2010-04-01\/Accounts(\/[^/]+(\/((Keys|SigningKeys|OutgoingCallerIds|Usage)(\/.+)?|(IncomingPhoneNumbers|Messages)(\/(?!Local$|Mobile$|TollFree$)[^/]+)?))?)?$/,
  },
  accounts: { file: 'twilio_accounts_v1.json', ours: /^\/v1\/AuthTokens\// },
  iam: { file: 'twilio_iam_v1.json', ours: /^\/v1\/Keys(\/|$)/ },
  monitor: { file: 'twilio_monitor_v1.json', ours: /^\/v1\/(Events|Alerts)(\/|$)/ },
  serverless: { file: 'twilio_serverless_v1.json', ours: /^\/v1\/Services(\/|$)/ },
}

/** What the official tools upload to a host of its own: described in words only, and answered as a fetch is. */
export const UPLOAD = { method: 'POST', path: /^\/v1\/Services\/[^/]+\/(Functions|Assets)\/[^/]+\/Versions$/ }

export type Product = keyof typeof PRODUCTS
export const products = Object.keys(PRODUCTS) as Product[]

export interface Schema {
  type?: string
  format?: string
  enum?: readonly string[]
  nullable?: boolean
  required?: readonly string[]
  properties?: Record<string, Schema>
  items?: Schema
  $ref?: string
}

type Method = 'GET' | 'POST' | 'DELETE'
export type Sample = Record<string, unknown>

export interface DescribedOperation {
  product: Product
  id: string
  method: Method
  /** `/v2/Services/{Sid}`; those of the 2010-04-01 API end in `.json`. */
  path: string
  /** By name: the query of a GET, the body of a POST. */
  parameters: Record<string, Schema>
  required: readonly string[]
  /** By status; without a schema where the body is empty. */
  replies: ReadonlyMap<number, Schema | undefined>
  requestSamples: Record<string, Sample>
}

interface Content {
  schema: Schema
  examples?: Record<string, { value: Sample }>
}

interface RawOperation {
  operationId: string
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, Content> }
  responses: Record<string, { content?: Record<string, Content> }>
}

interface RawDescription {
  paths: Record<string, Partial<Record<Lowercase<Method>, RawOperation>>>
  components: { schemas: Record<string, Schema> }
}

export interface Description {
  operations: readonly DescribedOperation[]
  components: RawDescription['components']
  /** The recorded objects of a schema, by its `$ref`. */
  samples: ReadonlyMap<string, readonly Sample[]>
  find(method: string, path: string): DescribedOperation | undefined
}

const descriptions = new Map<Product, Description>()

/** Up to two megabytes: read at the first use. */
export function readDescription(product: Product): Description {
  const known = descriptions.get(product)
  if (known) return known
  const file = new URL(`${DIRECTORY}/${PRODUCTS[product].file}`, import.meta.url)
  const description = parseDescription(product, JSON.parse(readFileSync(file, 'utf8')))
  descriptions.set(product, description)
  return description
}

/** What is described of a path that was asked for; undefined if nothing is. */
export function findDescribed(method: string, path: string): DescribedOperation | undefined {
  const product = products.find((name) => PRODUCTS[name].ours.test(withoutJson(path)))
  return product && readDescription(product).find(method, path)
}

export const withoutJson = (path: string) => path.replace(/\.json$/, '')

function parseDescription(product: Product, { paths, components }: RawDescription): Description {
  const raw = Object.entries(paths)
    .filter(([path]) => PRODUCTS[product].ours.test(withoutJson(path)))
    .flatMap(([path, item]) =>
      (['GET', 'POST', 'DELETE'] as const).flatMap((method) => {
        const operation = item[method.toLowerCase() as Lowercase<Method>]
        return operation ? [{ method, path, operation }] : []
      }),
    )
  const operations = raw.map(({ method, path, operation }) => describe(product, method, path, operation))
  // A path without parts to fill in is meant before one with them: `Attempts/Summary` before `Attempts/{Sid}`.
  const patterns = operations
    .map((operation) => ({ operation, pattern: patternOf(operation.path) }))
    .sort((a, b) => a.operation.path.split('{').length - b.operation.path.split('{').length)
  return {
    operations,
    components,
    samples: collectSamples(raw.flatMap(({ operation }) => Object.values(operation.responses))),
    find: (method, path) =>
      patterns.find(
        ({ operation, pattern }) => operation.method === method && pattern.test(withoutJson(path)),
      )?.operation,
  }
}

/** The words of a schema that is referred to; none where it is not a choice. */
export function choicesOf(product: Product, ref = ''): readonly string[] {
  return readDescription(product).components.schemas[ref.slice(ref.lastIndexOf('/') + 1)]?.enum ?? []
}

const patternOf = (path: string) => new RegExp(`^${withoutJson(path).replace(/\{\w+\}/g, '[^/]+')}$`)

const onlyContent = (content: Record<string, Content> | undefined) => content && Object.values(content)[0]

function describe(product: Product, method: Method, path: string, raw: RawOperation): DescribedOperation {
  const query = (raw.parameters ?? []).filter((parameter) => parameter.in === 'query')
  const body = onlyContent(raw.requestBody?.content)
  return {
    product,
    id: raw.operationId,
    method,
    path,
    parameters:
      body?.schema.properties ?? Object.fromEntries(query.map(({ name, schema }) => [name, schema])),
    required: body?.schema.required ?? query.filter(({ required }) => required).map(({ name }) => name),
    replies: new Map(
      Object.entries(raw.responses).map(([status, { content }]) => [
        Number(status),
        onlyContent(content)?.schema,
      ]),
    ),
    requestSamples: valuesOf(body?.examples ?? {}),
  }
}

const valuesOf = (examples: NonNullable<Content['examples']>) =>
  Object.fromEntries(Object.entries(examples).map(([name, { value }]) => [name, value]))

function collectSamples(responses: RawOperation['responses'][string][]): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>()
  const keep = (ref: string, found: readonly Sample[]) =>
    samples.set(ref, [...(samples.get(ref) ?? []), ...found])
  for (const { content } of responses) {
    const { schema, examples } = onlyContent(content) ?? {}
    const values = Object.values(valuesOf(examples ?? {}))
    if (schema?.$ref) keep(schema.$ref, values)
    for (const [name, { items }] of Object.entries(schema?.properties ?? {})) {
      if (items?.$ref)
        keep(
          items.$ref,
          values.flatMap((value) => (value[name] ?? []) as Sample[]),
        )
    }
  }
  return samples
}
