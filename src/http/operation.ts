import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TObject, TSchema } from 'typebox'
import type { Context } from '../context.ts'
import { isSid } from '../storage/sid.ts'
import type { Caller } from './caller.ts'
import { fail } from './errors.ts'
import { type Form, parseForm, picker } from './form.ts'
import type { Upload } from './multipart.ts'
import { isRealDate, REAL_DATE } from './schema.ts'
import { isStorable } from './text.ts'
import type { Urls } from './urls.ts'

/** The names of the `:Parts` of a path. */
type ParamName<Path> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamName<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

/** What a behaviour is given of a request: all of it checked. */
export interface OperationRequest<Input, Path = string> {
  caller: Caller
  params: Record<ParamName<Path>, string>
  input: Input
  /** Of an operation that takes an upload, if there is one. */
  file?: Upload | undefined
  urls: Urls
  /** Checks credential and permission anew, as they are now. For who has waited: throws as at the beginning. */
  confirm(): Promise<unknown>
}

/** One operation of the API: path, schemas, behaviour. `input` is the body of a POST, else the query. */
export interface Operation<
  Input extends TObject = TObject,
  Reply extends TSchema = TSchema,
  Path extends string = string,
> {
  method: 'GET' | 'POST' | 'DELETE'
  path: Path
  /** `/twilio/verify/verifications/create`: what a restricted key has to be allowed. */
  permission: string
  /** Accounts, keys and tokens: not for standard keys. */
  mainOnly?: boolean
  input?: Input
  /** It takes a multipart form as well, in which the part of this name is a file, at most so large. */
  upload?: { name: string; maxBytes: number }
  /** It takes a form larger than those of other operations. */
  largeForm?: { maxParameters: number; maxBytes: number }
  /** The status of success and its schema; null for an empty body. */
  status: 200 | 201 | 204
  reply: Reply | null
  handle(ctx: Context, request: OperationRequest<Static<Input>, Path>): Promise<Static<Reply>>
}

/** Types a definition by its schemas. */
export function operation<I extends TObject, R extends TSchema, const P extends string>(
  definition: Operation<I, R, P>,
): Operation {
  return definition as unknown as Operation
}

export interface Compiled {
  pick: (form: Form) => unknown
  serialize: (value: unknown) => string
}

let compilers:
  | Promise<{
      validator: (s: TSchema) => (v: unknown) => string | undefined
      serializer: typeof import('fast-json-stringify')['default']
    }>
  | undefined

/** Ajv and the serializer are loaded, and each schema compiled, at the first request that needs it (start-up: toolchain.md §2). */
async function loadCompilers() {
  const [{ Ajv }, { default: serializer }] = await Promise.all([import('ajv'), import('fast-json-stringify')])
  const ajv = new Ajv({
    coerceTypes: true,
    allErrors: false,
    strict: false,
    formats: { [REAL_DATE]: isRealDate },
  })
  const validator = (schema: TSchema) => {
    const check = ajv.compile(schema)
    return (value: unknown) => {
      if (check(value)) return undefined
      const error = check.errors?.[0]
      const name = error?.params.missingProperty ?? error?.instancePath.split('/')[1]
      const unknown = error?.params.additionalProperty
      return String([name, unknown].filter((part) => part !== undefined).join('.')).replaceAll('~1', '/')
    }
  }
  return { validator, serializer }
}

export async function compileOperation(op: Operation): Promise<Compiled> {
  compilers ??= loadCompilers()
  const { validator, serializer } = await compilers
  const pickInput = op.input && picker(op.input)
  const invalid = op.input && validator(op.input)
  return {
    pick(form) {
      const picked = pickInput?.(form) ?? {}
      // An empty filter is one that was not given.
      if (op.method === 'GET')
        for (const [name, value] of Object.entries(picked)) if (value === '') delete picked[name]
      const name = invalid?.(picked) ?? Object.keys(picked).find((name) => !isStorable(picked[name]))
      if (name !== undefined)
        throw name === 'To' ? fail.invalidTo(String(form.To ?? '')) : fail.invalidParameter(name)
      return picked
    },
    serialize: op.reply ? serializer(op.reply as Parameters<typeof serializer>[0]) : () => '',
  }
}

/** Says who calls, if the request's credential (checked once more if `anew`) allows the operation on the path's account. */
export type Authorize = (
  request: FastifyRequest,
  op: Operation,
  accountSid: string | undefined,
  anew: boolean,
) => Promise<Caller>

/** What is in an upload beside the file. */
const MAX_FORM_BYTES = 64 * 1024

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Registers operations; every other method on one of their paths is 405. */
export function registerOperations(
  app: FastifyInstance,
  ctx: Context,
  operations: readonly Operation[],
  authorize: Authorize,
): void {
  const methodsOf = new Map<string, Set<string>>()
  for (const op of operations) {
    const methods = methodsOf.get(op.path) ?? new Set()
    methodsOf.set(op.path, methods.add(op.method))
    let compiled: Compiled | undefined
    app.route({
      method: op.method,
      url: op.path,
      exposeHeadRoute: false,
      ...(op.upload && {
        bodyLimit: op.upload.maxBytes + MAX_FORM_BYTES,
        config: { fileName: op.upload.name },
      }),
      ...(op.largeForm && {
        bodyLimit: op.largeForm.maxBytes,
        config: { maxParameters: op.largeForm.maxParameters },
      }),
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        compiled ??= await compileOperation(op)
        const form = op.method === 'POST' ? ((request.body ?? {}) as Form) : queryOf(request.url)
        const params = request.params as Record<string, string>
        const mayCall = (anew: boolean) => authorize(request, op, params.AccountSid, anew)
        const caller = await mayCall(false)
        checkPath(request.url, params)
        const value = await op.handle(ctx, {
          caller,
          params,
          input: compiled.pick(form) as never,
          file: request.file,
          urls: request.urls,
          confirm: () => mayCall(true),
        })
        reply.code(op.status)
        if (op.reply === null) return reply.send()
        return reply.type('application/json; charset=utf-8').send(compiled.serialize(value))
      },
    })
  }
  for (const [path, methods] of methodsOf) {
    const others = METHODS.filter((method) => !methods.has(method))
    app.route({
      method: others,
      url: path,
      exposeHeadRoute: false,
      handler: async (_request, reply) => {
        reply.header('allow', [...methods].join(', '))
        throw fail.methodNotAllowed()
      },
    })
  }
}

/** A part whose name ends in `Sid` is one; in no part is what the database does not take. Throws 20404. */
function checkPath(url: string, params: Record<string, string>): void {
  for (const [name, value] of Object.entries(params)) {
    if (name.endsWith('Sid') ? isSid(value) : isStorable(value)) continue
    throw fail.notFound(url.replace(/\?.*$/s, '').replace(/^\/(v\d|2010-04-01)(?=\/)/, ''))
  }
}

function queryOf(url: string): Form {
  const at = url.indexOf('?')
  return at < 0 ? {} : parseForm(url.slice(at + 1))
}
