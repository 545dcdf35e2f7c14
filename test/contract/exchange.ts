/** Holds what a server is asked and answers against the official description. */
import assert from 'node:assert/strict'
import { Ajv, type ValidateFunction } from 'ajv'
import type { FastifyInstance } from 'fastify'
import {
  choicesOf,
  type DescribedOperation,
  readDescription,
  type Sample,
  type Schema,
} from './description.ts'
import { compareWithSamples } from './samples.ts'

/** One request to the API and its answer. */
export interface Exchange {
  method: string
  url: string
  form: string | undefined
  status: number
  body: unknown
}

/** Ours alone: described nowhere but in our docs. */
const OWN_PATHS = /^\/(inbox|delivery|healthz|readyz|_control)(\/|$)/

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
  const operation = readDescription().find(method, pathname)
  const problems = [
    ...(operation
      ? checkParameters(operation, form === undefined ? searchParams : new URLSearchParams(form))
      : []),
    ...(status >= 400 ? checkError(status, body) : checkAnswer(operation, status, body)),
  ]
  assert.equal(problems.join('\n'), '', `${method} ${pathname} → ${status}: ${problems.join('; ')}`)
}

/** Holds every exchange of a server, over a socket too; the returned function throws the first that failed. */
export function watchExchanges(app: FastifyInstance): () => void {
  const failures: unknown[] = []
  app.addHook('onSend', (request, reply, payload, done) => {
    try {
      checkExchange({
        method: request.method,
        url: request.url,
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
  return schema.$ref ? checkResource(body as Sample, schema.$ref) : checkList(body as Sample, schema)
}

function checkList(body: Sample, { properties = {} }: Schema): string[] {
  const meta = (body.meta ?? {}) as Sample
  return [
    ...checkKeys('the list', body, properties),
    ...checkKeys('meta', meta, properties.meta?.properties),
    ...Object.entries(properties).flatMap(([name, { items }]) => {
      if (!items?.$ref) return []
      const { $ref } = items
      return [
        ...(meta.key === name ? [] : [`meta.key does not name ${name}`]),
        ...(body[name] as Sample[]).flatMap((item) => checkResource(item, $ref)),
      ]
    }),
  ]
}

function checkResource(body: Sample, ref: string): string[] {
  const { components } = readDescription()
  const name = ref.slice(ref.lastIndexOf('/') + 1)
  return [
    ...checkKeys(name, body, components.schemas[name]?.properties),
    ...compareWithSamples(body, samplesOf(ref)),
    ...(ref === ATTEMPT ? checkChoices(body.channel_data as Sample) : []),
  ]
}

/** The one recorded attempt is an SMS. A call has the documented states of calls in place of a message's. */
function samplesOf(ref: string): readonly Sample[] {
  const samples = readDescription().samples.get(ref) ?? []
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
    .filter(([key, name]) => !choicesOf(name).includes(String(data[key])))
    .map(([key]) => `channel_data.${key} is none of the documented`)

function checkKeys(what: string, body: Sample, properties: Record<string, Schema> = {}): string[] {
  const documented = new Set(Object.keys(properties))
  const given = new Set(Object.keys(body))
  return [
    ...[...documented.difference(given)].map((key) => `${what} lacks ${key}`),
    ...[...given.difference(documented)].map((key) => `${what} has an undocumented ${key}`),
  ]
}

const FORMATS = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  uri: (text: string) => URL.canParse(text),
  'uri-map': true,
  'iso-country-code': /^[A-Z]{2}$/,
  int32: true,
  int64: true,
} as const

let ajv: Ajv | undefined
const validators = new Map<string, ValidateFunction>()

function validatorOf({ id }: DescribedOperation, status: number, schema: Schema): ValidateFunction {
  const key = `${id} ${status}`
  const known = validators.get(key)
  if (known) return known
  ajv ??= new Ajv({ strict: false, validateSchema: false, allErrors: true, formats: FORMATS })
  const made = ajv.compile(
    withoutBareNullable({ ...schema, components: readDescription().components }) as object,
  )
  validators.set(key, made)
  return made
}

/** `nullable` beside no `type` allows what is allowed anyway, but Ajv refuses it. */
function withoutBareNullable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutBareNullable)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, ...rest } = schema as { nullable?: unknown; type?: unknown }
  const kept = nullable === true && typeof rest.type === 'string' ? schema : rest
  return Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, withoutBareNullable(value)]))
}
