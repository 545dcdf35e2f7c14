/** Holds what a server is asked and answers against the official description. */
import assert from 'node:assert/strict'
import { Ajv, type ValidateFunction } from 'ajv'
import type { FastifyInstance } from 'fastify'
import {
  choicesOf,
  type DescribedOperation,
  findDescribed,
  type Product,
  readDescription,
  type Sample,
  type Schema,
  UPLOAD,
} from './description.ts'
import { compareWithSamples, RFC_2822 } from './samples.ts'

/** One request to the API and its answer. */
export interface Exchange {
  method: string
  url: string
  form: string | undefined
  status: number
  body: unknown
}

/** Ours alone: described nowhere but in our docs. */
const OWN_PATHS =
  /^\/(inbox|delivery|healthz|readyz|_control|sign-up|v1\/(IpAccessLists|CallerIdConfirmations))(\/|$)/

/** How a test calls the parameters that it makes up. */
const MADE_UP = /^Undocumented/

const ATTEMPT = '#/components/schemas/verify.v2.verification_attempt'
/** Choices of the description that its schemas do not refer to. */
const CHOICES: Record<string, string> = {
  status: 'verification_attempt_enum_attempt_status',
  message_status: 'verification_attempt_enum_message_status',
  call_status: 'verification_attempt_enum_call_status',
}

/**
 * Fails unless the parameters are described ones and the answer is as described: its status, its schema, its keys,
 * and the keys and kinds of the recorded samples below them. An error has the four documented fields.
 */
export function checkExchange({ method, url, form, status, body }: Exchange): void {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  if (OWN_PATHS.test(pathname) || method === 'OPTIONS') return
  if (method === UPLOAD.method && UPLOAD.path.test(pathname)) {
    checkUpload(pathname, status, body)
    return
  }
  const operation = findDescribed(method, pathname)
  const problems = [
    ...(operation
      ? checkParameters(operation, form === undefined ? searchParams : new URLSearchParams(form))
      : []),
    ...(status >= 400 ? checkError(status, body) : checkAnswer(operation, status, body)),
  ]
  report(`${method} ${pathname} → ${status}`, problems)
}

function checkUpload(path: string, status: number, body: unknown): void {
  const fetched = findDescribed('GET', `${path}/ZN`)
  const problems =
    status >= 400
      ? checkError(status, body)
      : [...(status === 201 ? [] : ['is not 201']), ...checkAnswer(fetched, 200, body)]
  report(`POST ${path} → ${status}`, problems)
}

const report = (what: string, problems: readonly string[]) =>
  assert.equal(problems.join('\n'), '', `${what}: ${problems.join('; ')}`)

/** Holds every exchange of a server, over a socket too; the returned function throws the first that failed. */
export function watchExchanges(app: FastifyInstance): () => void {
  const failures: unknown[] = []
  app.addHook('onSend', (request, reply, payload, done) => {
    try {
      checkExchange({
        method: request.method,
        // As it came: the server itself drops the `.json` of the 2010-04-01 API.
        url: request.originalUrl,
        form: request.body ? formOf(request.body as Record<string, string | string[]>) : undefined,
        status: reply.statusCode,
        body: typeof payload === 'string' && payload !== '' ? JSON.parse(payload) : undefined,
      })
    } catch (error) {
      failures.push(error)
    }
    done(null, payload)
  })
  return () => {
    const [first] = failures.splice(0)
    if (first) throw first
  }
}

const formOf = (body: Record<string, string | string[]>) =>
  new URLSearchParams(Object.keys(body).map((name) => [name, ''])).toString()

const checkParameters = ({ id, parameters }: DescribedOperation, sent: URLSearchParams) =>
  [...sent.keys()]
    .filter((name) => !(name in parameters) && !MADE_UP.test(name))
    .map((name) => `${id} has no parameter ${name}`)

function checkError(status: number, body: unknown): string[] {
  const { code, message, more_info, ...others } = (body ?? {}) as Record<string, unknown>
  const asDocumented =
    Number.isInteger(code) &&
    typeof message === 'string' &&
    more_info === `https://www.twilio.com/docs/errors/${code}` &&
    JSON.stringify(others) === JSON.stringify({ status })
  return asDocumented ? [] : ['the error has not the documented form']
}

function checkAnswer(operation: DescribedOperation | undefined, status: number, body: unknown): string[] {
  if (!operation) return ['no such operation is described']
  const schema = operation.replies.get(status)
  if (!operation.replies.has(status)) return [`${operation.id} has no such status`]
  if (!schema) return body === undefined ? [] : ['the body is not empty']
  const validate = validatorOf(operation, status, schema)
  if (!validate(body)) return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`)
  const { product } = operation
  return schema.$ref
    ? checkResource(product, body as Sample, schema.$ref)
    : checkList(product, body as Sample, schema)
}

/** The 2010-04-01 API has the addresses of pages in the list itself, the others below `meta`. */
function checkList(product: Product, body: Sample, { properties = {} }: Schema): string[] {
  const meta = (body.meta ?? {}) as Sample
  return [
    ...checkKeys('the list', body, properties),
    ...(properties.meta ? checkKeys('meta', meta, properties.meta.properties) : []),
    ...Object.entries(properties).flatMap(([name, { items }]) => {
      if (!items?.$ref) return []
      const { $ref } = items
      return [
        ...(meta.key === name || !properties.meta ? [] : [`meta.key does not name ${name}`]),
        ...(body[name] as Sample[]).flatMap((item) => checkResource(product, item, $ref)),
      ]
    }),
  ]
}

function checkResource(product: Product, body: Sample, ref: string): string[] {
  const { components } = readDescription(product)
  const name = ref.slice(ref.lastIndexOf('/') + 1)
  return [
    ...checkKeys(name, body, components.schemas[name]?.properties),
    ...compareWithSamples(without(body, ADDED[name]), samplesOf(product, ref)),
    ...(ref === ATTEMPT ? checkChoices(body.channel_data as Sample) : []),
  ]
}

/** The one recorded attempt is an SMS. A call has the documented states of calls in place of a message's. */
function samplesOf(product: Product, ref: string): readonly Sample[] {
  const samples = readDescription(product).samples.get(ref) ?? []
  if (ref !== ATTEMPT) return samples
  const calls = samples.map((sample) => {
    const { message_status, ...data } = sample.channel_data as Sample
    return { ...sample, channel_data: { ...data, call_status: message_status } }
  })
  return [...samples, ...calls]
}

const checkChoices = (data: Sample) =>
  Object.entries(CHOICES)
    .filter(([key]) => key in data)
    .filter(([key, name]) => !choicesOf('verify', name).includes(String(data[key])))
    .map(([key]) => `channel_data.${key} is none of the documented`)

const without = (body: Sample, keys: ReadonlySet<string> = new Set()) =>
  Object.fromEntries(Object.entries(body).filter(([key]) => !keys.has(key)))

/** What we tell beyond the description: docs/compatibility.md. */
const ADDED: Record<string, ReadonlySet<string>> = { 'serverless.v1.service.build': new Set(['reason']) }

function checkKeys(what: string, body: Sample, properties: Record<string, Schema> = {}): string[] {
  const documented = new Set(Object.keys(properties))
  const given = new Set(Object.keys(body)).difference(ADDED[what] ?? new Set())
  return [
    ...[...documented.difference(given)].map((key) => `${what} lacks ${key}`),
    ...[...given.difference(documented)].map((key) => `${what} has an undocumented ${key}`),
  ]
}

const FORMATS = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  'date-time-rfc-2822': RFC_2822,
  date: /^\d{4}-\d\d-\d\d$/,
  // Those of the 2010-04-01 API are relative.
  uri: (text: string) => text.startsWith('/2010-04-01/') || URL.canParse(text),
  'uri-map': true,
  'phone-number-capabilities': true,
  'iso-country-code': /^[A-Z]{2}$/,
  'phone-number': /^\+\d{5,15}$/,
  'http-method': true,
  currency: /^[a-z]{3}$/i,
  int32: true,
  int64: true,
} as const

let ajv: Ajv | undefined
const validators = new Map<string, ValidateFunction>()

function validatorOf({ product, id }: DescribedOperation, status: number, schema: Schema): ValidateFunction {
  const key = `${product} ${id} ${status}`
  const known = validators.get(key)
  if (known) return known
  ajv ??= new Ajv({ strict: false, validateSchema: false, allErrors: true, formats: FORMATS })
  const { components } = readDescription(product)
  const corrected = { schemas: Object.fromEntries(Object.entries(components.schemas).map(correct)) }
  const made = ajv.compile(withoutBareNullable({ ...schema, components: corrected }) as object)
  validators.set(key, made)
  return made
}

/** Where the schemas contradict the recorded answers or themselves: prices are texts, an actor may be an account. */
const CORRECTIONS: Record<string, Schema> = {
  price: { type: 'string', nullable: true },
  actor_sid: { type: 'string', nullable: true },
  request_method: { type: 'string', nullable: true },
  // Empty where there is none.
  ...Object.fromEntries(
    ['sms_application_sid', 'sms_fallback_url', 'sms_url', 'status_callback', 'voice_application_sid'].map(
      (name) => [name, { type: 'string', nullable: true }],
    ),
  ),
}

const correct = ([name, schema]: [string, Schema]): [string, Schema] => [
  name,
  {
    ...schema,
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([key, given]) => [
          key,
          (/^(api|monitor)\./.test(name) && CORRECTIONS[key]) || given,
        ]),
      ),
    }),
  },
]

/** Ajv refuses `nullable` beside no `type`, which allows what is allowed anyway, and holds null against a choice. */
function withoutBareNullable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutBareNullable)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, ...rest } = schema as Schema
  const isNullable = nullable === true && typeof rest.type === 'string'
  const kept = isNullable ? { ...schema, ...(rest.enum && { enum: [...rest.enum, null] }) } : rest
  return Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, withoutBareNullable(value)]))
}
