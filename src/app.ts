import type { Socket } from 'node:net'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { authenticate } from './accounts/authenticate.ts'
import type { Context } from './context.ts'
import { ApiError, errorBody, fail } from './http/errors.ts'
import { parseForm } from './http/form.ts'
import { type Operation, registerOperations } from './http/operation.ts'
import { productOf, type Urls, urlsOf } from './http/urls.ts'
import { inboxOperations } from './inbox/routes.ts'
import { CONTROL_PATH, registerControl } from './operations/control.ts'
import { registerHealth } from './operations/health.ts'
import { StorageUnavailable } from './storage/storage.ts'
import { attemptOperations } from './verify/attempts/routes.ts'
import { checkOperations } from './verify/checks/routes.ts'
import { serviceOperations } from './verify/services/routes.ts'
import { verificationOperations } from './verify/verifications/routes.ts'

declare module 'fastify' {
  interface FastifyRequest {
    accountSid: string
    urls: Urls
    startedAtMs: number
  }
}

/** All rooms that answer over HTTP. */
export const operations: readonly Operation[] = [
  ...serviceOperations,
  ...verificationOperations,
  ...checkOperations,
  ...attemptOperations,
  ...inboxOperations,
]

/** Operations of the real API that are not built yet: 404 as for any unknown path, but saying so. */
const NOT_BUILT = [
  /^\/v2\/(Templates|SafeList|Forms)(\/|$)/,
  /^\/v2\/Services\/[^/]+\/(RateLimits|MessagingConfigurations|Webhooks|Entities|AccessTokens|Passkeys)(\/|$)/,
]

const OPEN_PATHS = new Set(['/healthz', '/readyz', CONTROL_PATH])
const BODY_LIMIT = 64 * 1024

export interface Tls {
  cert: Buffer
  key: Buffer
}

/** The HTTP server of a context. It listens nowhere yet. */
export function buildApp(
  ctx: Context,
  { tls, controlSecret }: { tls?: Tls | undefined; controlSecret: string },
): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    genReqId: () => newRequestId(ctx),
    // No longer part of a path passes the limit of the headers.
    routerOptions: { maxParamLength: 16 * 1024 },
    // Its schemas are not used: without this it would load what compiles them.
    schemaController: {
      compilersFactory: { buildValidator: () => noCompiler, buildSerializer: () => noCompiler },
    },
    // Longer than load balancers keep an idle connection.
    keepAliveTimeout: 75_000,
    requestTimeout: 15_000,
    forceCloseConnections: 'idle',
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1_000 },
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) =>
      answerBrokenRequest(ctx, error, socket),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      answerUnrouted(ctx, error, request, reply),
    ...(tls && { http2: true, https: { ...tls, allowHTTP1: true, minVersion: 'TLSv1.2' } }),
  } as object) as FastifyInstance

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      try {
        done(null, parseForm(body as string))
      } catch (error) {
        done(error as Error)
      }
    },
  )
  // A body of another type has no parameters: they are missing, as on the real API.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, {}))

  let underWay = 0
  app.addHook('onRequest', async (request, reply) => {
    underWay++
    request.startedAtMs = ctx.clock.now()
    // HTTP/2 has its authority where HTTP/1.1 has its host.
    const host = request.headers.host ?? String(request.headers[':authority'] ?? '')
    request.urls = urlsOf(host, tls !== undefined || ctx.config.tlsTerminatedByProxy, ctx.config.publicUrl)
    reply.header('twilio-request-id', request.id)
    reply.header('twilio-concurrent-requests', underWay)
    if (tls) reply.header('strict-transport-security', 'max-age=31536000')
    if (request.headers.origin !== undefined) allowOrigins(reply)
    if (request.method === 'OPTIONS') return reply.code(204).send()
    const path = pathOf(request.url)
    const product = productOf(host)
    if (OPEN_PATHS.has(path) && product === undefined) return
    const { ServiceSid } = request.params as { ServiceSid?: string }
    request.accountSid = (await authenticate(ctx, request.headers.authorization, ServiceSid)).sid
    // One of Twilio's hosts has only its own paths.
    if (product !== undefined && !(product === 'verify' && path.startsWith('/v2/'))) throw fail.notFound(path)
  })
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    ctx.inbox.endWaits()
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    underWay--
    // Kept alive, it would keep the process: only connections that were idle are closed with the server.
    if (isClosing && request.raw.httpVersionMajor === 1) request.raw.socket.end()
    const status = reply.statusCode
    ctx.log.info(
      {
        request_id: request.id,
        account_sid: request.accountSid,
        method: request.method,
        // The pattern, not the path: that may hold a recipient.
        route: request.routeOptions.url,
        ...((request.params as object | undefined) && sidsOf(request.params as Record<string, string>)),
        status,
        ms: ctx.clock.now() - request.startedAtMs,
      },
      'request',
    )
    done()
  })

  registerHealth(app, ctx)
  registerControl(app, ctx, controlSecret)
  registerOperations(app, ctx, operations)
  app.setNotFoundHandler((request) => {
    const path = pathOf(request.url)
    if (NOT_BUILT.some((known) => known.test(path))) throw fail.notBuilt(path.replace(/^\/v2/, ''))
    throw fail.notFound(path)
  })
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(ctx, error, request, reply))
  return app
}

function noCompiler(): never {
  throw new Error('operations compile their own schemas')
}

const newRequestId = ({ random }: Context) => `RQ${random.bytes(16).toString('hex')}`

const pathOf = (url: string) => {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** What of a path may be logged: sids, but not the recipients that may stand in their place. */
function sidsOf(params: Record<string, string>): Record<string, string> {
  const sids: Record<string, string> = {}
  for (const [name, value] of Object.entries(params))
    if (/^[A-Z]{2}[0-9a-f]{32}$/i.test(value)) sids[name] = value
  return sids
}

function allowOrigins(reply: FastifyReply): void {
  reply.headers({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
    'access-control-allow-headers': 'Authorization, Content-Type, Accept',
    'access-control-expose-headers': 'Twilio-Request-Id, Twilio-Concurrent-Requests',
  })
}

function answerError(ctx: Context, error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const answer = toApiError(error)
  if (answer.status >= 500) ctx.log.error({ request_id: request.id, err: error }, 'request failed')
  if (answer.status === 401) reply.header('www-authenticate', 'Basic realm="Twilio API"')
  return reply
    .code(answer.status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(answer)))
}

function toApiError(error: FastifyError): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof StorageUnavailable) return fail.unavailable()
  if (error.statusCode === 413) return fail.bodyTooLarge()
  if (error.statusCode !== undefined && error.statusCode < 500)
    return fail.invalidRequest('Malformed request')
  return fail.internal()
}

/** For a path that is broken percent-encoding: no hook has run. */
function answerUnrouted(ctx: Context, error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  reply.header('twilio-request-id', request.id)
  answerError(ctx, error, request, reply)
  ctx.log.info({ request_id: request.id, method: request.method, status: reply.statusCode }, 'request')
}

/** For what never became a request: the answer is written to the bare socket. */
function answerBrokenRequest(ctx: Context, error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const answer =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? fail.headersTooLarge()
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? fail.requestTimeout()
        : fail.invalidRequest('Malformed request')
  const id = newRequestId(ctx)
  ctx.log.info({ request_id: id, status: answer.status }, 'request')
  const body = JSON.stringify(errorBody(answer))
  socket.end(
    `HTTP/1.1 ${answer.status} ${answer.status === 400 ? 'Bad Request' : answer.message}\r\n` +
      `twilio-request-id: ${id}\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  )
}
