/** The official description of Verify v2, as the Twilio CLI ships it: read where it lies, never copied. */
import { readFileSync } from 'node:fs'

const FILE = '../../node_modules/@twilio/cli-core/src/services/twilio-api/twilio_verify_v2.json'

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
  id: string
  method: Method
  /** `/v2/Services/{Sid}` */
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

let description: Description | undefined

/** Half a megabyte: read at the first use. */
export function readDescription(): Description {
  description ??= parseDescription(JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')))
  return description
}

function parseDescription({ paths, components }: RawDescription): Description {
  const raw = Object.entries(paths).flatMap(([path, item]) =>
    (['GET', 'POST', 'DELETE'] as const).flatMap((method) => {
      const operation = item[method.toLowerCase() as Lowercase<Method>]
      return operation ? [{ method, path, operation }] : []
    }),
  )
  const operations = raw.map(({ method, path, operation }) => describe(method, path, operation))
  // A path without parts to fill in is meant before one with them: `Attempts/Summary` before `Attempts/{Sid}`.
  const patterns = operations
    .map((operation) => ({ operation, pattern: patternOf(operation.path) }))
    .sort((a, b) => a.operation.path.split('{').length - b.operation.path.split('{').length)
  return {
    operations,
    components,
    samples: collectSamples(raw.flatMap(({ operation }) => Object.values(operation.responses))),
    find: (method, path) =>
      patterns.find(({ operation, pattern }) => operation.method === method && pattern.test(path))?.operation,
  }
}

/** The words of a schema that is referred to; none where it is not a choice. */
export function choicesOf(ref = ''): readonly string[] {
  return readDescription().components.schemas[ref.slice(ref.lastIndexOf('/') + 1)]?.enum ?? []
}

const patternOf = (path: string) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`)

const onlyContent = (content: Record<string, Content> | undefined) => content && Object.values(content)[0]

function describe(method: Method, path: string, raw: RawOperation): DescribedOperation {
  const query = (raw.parameters ?? []).filter((parameter) => parameter.in === 'query')
  const body = onlyContent(raw.requestBody?.content)
  return {
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
          values.flatMap((value) => value[name] as Sample[]),
        )
    }
  }
  return samples
}
