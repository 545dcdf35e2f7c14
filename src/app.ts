import { type Http2ServerRequest, constants as http2 } from 'node:http2'
import type { Socket } from 'node:net'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { accountOperations } from './accounts/accounts/routes.ts'
import { alertOperations } from './accounts/alerts/routes.ts'
import { eventOperations } from './accounts/audit/routes.ts'
import { authenticate } from './accounts/authenticate.ts'
import { authorizeOperation, type Principal } from './accounts/authorize.ts'
import { callerIdOperations } from './accounts/caller-ids/routes.ts'
import { ipListOperations } from './accounts/ip-lists/routes.ts'
import { keyOperations } from './accounts/keys/routes.ts'
import { signUpOperations } from './accounts/sign-up/routes.ts'
import { tokenOperations } from './accounts/tokens/routes.ts'
import { usageOperations } from './accounts/usage/routes.ts'
import { triggerOperations } from './accounts/usage/triggers/routes.ts'
import { networkSet, sourceAddress } from './addresses.ts'
import type { Context } from './context.ts'
import { deliveryOperations } from './delivery/routes.ts'
import type { Caller } from './http/caller.ts'
import { ApiError, errorBody, fail } from './http/errors.ts'
import { parseForm } from './http/form.ts'
import { type Operation, registerOperations } from './http/operation.ts'
import { productOf, type Urls, urlsOf } from './http/urls.ts'
import { inboxOperations } from './inbox/routes.ts'
import { CONTROL_PATH, registerControl } from './operations/control.ts'
import { registerHealth } from './operations/health.ts'
import { canonicalSid } from './storage/sid.ts'
import { StorageUnavailable } from './storage/storage.ts'
import { type Tls, tlsOptions } from './tls.ts'
import { attemptOperations } from './verify/attempts/routes.ts'
import { checkOperations } from './verify/checks/routes.ts'
import { serviceOperations } from './verify/services/routes.ts'
import { verificationOperations } from './verify/verifications/routes.ts'

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal
    urls: Urls
    /** Of the client, where only trusted proxies are between. */
    sourceIp: string
    startedAtMs: number
  }
}

/** All rooms that answer over HTTP. */
export const operations: readonly Operation[] = [
  ...serviceOperations,
  ...verificationOperations,
  ...checkOperations,
  ...attemptOperations,
  ...deliveryOperations,
  ...inboxOperations,
  ...accountOperations,
  ...keyOperations,
  ...tokenOperations,
  ...ipListOperations,
  ...callerIdOperations,
  ...eventOperations,
  ...alertOperations,
  ...usageOperations,
  ...triggerOperations,
]

/** Operations of the real API that are not built yet: 404 as for any unknown path, but saying so. */
const NOT_BUILT = [
  /^\/v2\/(Templates|SafeList|Forms)(\/|$)/,
  /^\/2010-04-01\/Accounts\/[^/]+\/(Balance|Usage\/Records\/[^/]+)$/,
  /^\/v2\/Services\/[^/]+\/(RateLimits|MessagingConfigurations|Webhooks|Entities|AccessTokens|Passkeys)(\/|$)/,
]

/** Which paths are whose: one of Twilio's hosts has only its own. */
const PRODUCT_PATHS: Record<string, RegExp> = {
  verify: /^\/v2\//,
  api: /^\/2010-04-01\//,
  accounts: /^\/v1\/AuthTokens\//,
  iam: /^\/v1\/Keys(\/|$)/,
  monitor: /^\/v1\/(Events|Alerts)(\/|$)/,
}

/** The paths of the 2010-04-01 API end in `.json`; the rooms need not know. */
const withoutJson = (url: string) =>
  url.startsWith('/2010-04-01/') ? url.replace(/\.json(?=$|\?)/, '') : url

const isOpen = ({ config }: Context, path: string) =>
  path === '/healthz' ||
  path === '/readyz' ||
  path.startsWith(CONTROL_PATH) ||
  (config.signUp && signUpOperations.some((open) => open.path === path))
const BODY_LIMIT = 64 * 1024
/** How long a request may take to come, and a connection to say something. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  // Longer than load balancers keep an idle connection.
  keepAliveTimeout: 75_000,
}

/** The HTTP server of a context. It listens nowhere yet. */
export function buildApp(
  ctx: Context,
  { tls, controlSecret }: { tls?: Tls | undefined; controlSecret: string },
): FastifyInstance {
  const trusted = networkSet(ctx.config.trustedProxies)
  const app = Fastify({
    logger: false,
    // What anybody else says in X-Forwarded-* is a lie.
    trustProxy: ctx.config.trustedProxies.length > 0 && ((address: string) => trusted.has(address)),
    bodyLimit: BODY_LIMIT,
    rewriteUrl: ({ url = '' }: { url?: string }) => withoutJson(url),
    genReqId: () => newRequestId(ctx),
    // No longer part of a path passes the limit of the headers.
    routerOptions: { maxParamLength: 16 * 1024 },
    // Its schemas are not used: without this it would load what compiles them.
    schemaController: {
      compilersFactory: { buildValidator: () => noCompiler, buildSerializer: () => noCompiler },
    },
    ...LIMITS,
    forceCloseConnections: 'idle',
    http: LIMITS,
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) =>
      answerBrokenRequest(ctx, error, socket),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      answerUnrouted(ctx, error, request, reply),
    ...(tls && {
      http2: true,
      https: { ...tlsOptions(tls), ...LIMITS, allowHTTP1: true, handshakeTimeout: LIMITS.headersTimeout },
    }),
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
    if (request.raw.httpVersionMajor === 2) limitStream(ctx, request.raw as unknown as Http2ServerRequest)
    // HTTP/2 has its authority where HTTP/1.1 has its host.
    const host = request.headers.host ?? String(request.headers[':authority'] ?? '')
    request.sourceIp = sourceAddress(request.ip, request.raw.socket.remoteAddress ?? '')
    // By the socket, not by the setting: the local door of a server with TLS has none.
    const isSecure = request.protocol === 'https' || ctx.config.tlsTerminatedByProxy
    request.urls = urlsOf(host, isSecure, ctx.config.publicUrl)
    reply.header('twilio-request-id', request.id)
    reply.header('twilio-concurrent-requests', underWay)
    if (tls) reply.header('strict-transport-security', 'max-age=31536000')
    if (request.headers.origin !== undefined) allowOrigins(reply)
    if (request.method === 'OPTIONS') return reply.code(204).send()
    const path = pathOf(request.url)
    const product = productOf(host)
    if (isOpen(ctx, path) && product === undefined) return
    if (!URL.canParse(request.urls.base)) throw fail.invalidRequest('Malformed Host')
    const params = request.params as Record<string, string>
    for (const [name, value] of Object.entries(params)) params[name] = canonicalSid(value)
    request.principal = await logIn(ctx, request)
    if (product !== undefined && !PRODUCT_PATHS[product]?.test(path)) throw fail.notFound(resourceOf(path))
  })
  app.addHook('preParsing', (request, _reply, body, next) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers
    if (encoding === 'identity') next(null, body)
    else next(fail.invalidRequest('Content-Encoding is not supported: send the body as it is'))
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
    if (request.principal) ctx.callCounts.add(request.principal.account.sid)
    const status = reply.statusCode
    ctx.log.info(
      {
        request_id: request.id,
        account_sid: request.principal?.account.sid,
        key_sid: request.principal?.key?.sid,
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
  registerOperations(app, ctx, operations, async (request, op, accountSid, anew) => {
    if (anew) request.principal = await logIn(ctx, request)
    return authorizeOperation(ctx, request.principal, request.sourceIp, op, accountSid)
  })
  if (ctx.config.signUp) registerOperations(app, ctx, signUpOperations, asVisitor)
  app.setNotFoundHandler((request) => {
    const path = pathOf(request.url)
    const isKnown = NOT_BUILT.some((known) => known.test(path))
    throw isKnown ? fail.notBuilt(resourceOf(path)) : fail.notFound(resourceOf(path))
  })
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(ctx, error, request, reply))
  return app
}

function noCompiler(): never {
  throw new Error('operations compile their own schemas')
}

/** Who has no account yet. */
const asVisitor = async ({ sourceIp }: FastifyRequest): Promise<Caller> => ({
  accountSid: '',
  ownAccountSid: '',
  actorSid: '',
  actorType: 'account',
  sourceIp,
})

function logIn(ctx: Context, { headers, sourceIp, params }: FastifyRequest): Promise<Principal> {
  return authenticate(ctx, headers.authorization, sourceIp, (params as Record<string, string>).ServiceSid)
}

const newRequestId = ({ random }: Context) => `RQ${random.bytes(16).toString('hex')}`

const pathOf = (url: string) => {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** As messages name it: without the version of Verify. */
const resourceOf = (path: string) => path.replace(/^\/v2(?=\/)/, '')

/** HTTP/2 has no limit of its own for a request whose body comes slowly. */
function limitStream({ clock }: Context, request: Http2ServerRequest): void {
  const cancel = clock.after(LIMITS.requestTimeout, () => {
    if (!request.complete) request.stream.close(http2.NGHTTP2_CANCEL)
  })
  request.stream.once('close', cancel)
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
  if (answer.retryAfterSeconds !== undefined) reply.header('retry-after', answer.retryAfterSeconds)
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
