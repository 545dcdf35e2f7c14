import type { IncomingMessage } from 'node:http'
import { type Http2ServerRequest, type Http2Session, constants as http2 } from 'node:http2'
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
import { buildOperations } from './functions/builds/routes.ts'
import { deploymentOperations } from './functions/deployments/routes.ts'
import { environmentOperations } from './functions/environments/routes.ts'
import { callOf, hostHeader, labelOf } from './functions/hosts.ts'
import { logOperations } from './functions/logs/routes.ts'
import { resourceOperations } from './functions/resources/routes.ts'
import { answerFunction } from './functions/router.ts'
import { functionServiceOperations } from './functions/services/routes.ts'
import { variableOperations } from './functions/variables/routes.ts'
import { versionOperations } from './functions/versions/routes.ts'
import { answerBrokenRequest, answerError, answerUnrouted, newRequestId } from './http/answer-error.ts'
import type { Caller } from './http/caller.ts'
import { fail } from './http/errors.ts'
import { parseForm } from './http/form.ts'
import { hangUp } from './http/hang-up.ts'
import { parseMultipart, type Upload } from './http/multipart.ts'
import { type Operation, registerOperations } from './http/operation.ts'
import { productOf, type Urls, urlsOf } from './http/urls.ts'
import { inboxOperations } from './inbox/routes.ts'
import { inboundOperations } from './messaging/inbound/routes.ts'
import { incomingPhoneNumberOperations } from './messaging/incoming-phone-numbers/routes.ts'
import { messageOperations } from './messaging/messages/routes.ts'
import { CONTROL_PATH, registerControl } from './operations/control.ts'
import { registerHealth } from './operations/health.ts'
import { recordRequest } from './request-record.ts'
import { canonicalSid } from './storage/sid.ts'
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
    /** What of Functions it is for, where it is: sids, for the log. */
    visited?: Record<string, string>
    /** What was uploaded, where the operation takes that. */
    file?: Upload | undefined
  }
  interface FastifyContextConfig {
    /** The part of a multipart form that is a file. */
    fileName?: string
    /** Of a form, where it is not the usual limit. */
    maxParameters?: number
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
  ...incomingPhoneNumberOperations,
  ...messageOperations,
  ...inboundOperations,
  ...functionServiceOperations,
  ...environmentOperations,
  ...variableOperations,
  ...resourceOperations,
  ...versionOperations,
  ...buildOperations,
  ...deploymentOperations,
  ...logOperations,
]

/** Operations of the real API that are not built yet: 404 as for any unknown path, but saying so. */
const NOT_BUILT = [
  /^\/v2\/(Templates|SafeList|Forms)(\/|$)/,
  /^\/2010-04-01\/Accounts\/[^/]+\/Messages\/[^/]+\/(Media|Feedback)(\/|$)/,
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
  serverless: /^\/v1\/Services(\/|$)/,
  'serverless-upload': /^\/v1\/Services\/[^/]+\/(Functions|Assets)\/[^/]+\/Versions$/,
}

/** The paths of the 2010-04-01 API end in `.json`; the rooms need not know. */
function withoutJson({ config }: Context, request: IncomingMessage): string {
  const { url = '' } = request
  const isOurs = url.startsWith('/2010-04-01/') && labelOf(config, hostHeader(request)) === undefined
  return isOurs ? url.replace(/\.json(?=$|\?)/, '') : url
}

const isOpen = ({ config }: Context, path: string) =>
  path === '/healthz' ||
  path === '/readyz' ||
  path.startsWith(CONTROL_PATH) ||
  (config.signUp && signUpOperations.some((open) => open.path === path))
const BODY_LIMIT = 64 * 1024
/** How long a request may take to come, and a connection to say something. */
export const LIMITS = {
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
    rewriteUrl: (request: IncomingMessage) => withoutJson(ctx, request),
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
      isForFunction(ctx, request, reply) || answerUnrouted(ctx, error, request, reply),
    ...(tls && {
      http2: true,
      https: { ...tlsOptions(tls), ...LIMITS, allowHTTP1: true, handshakeTimeout: LIMITS.headersTimeout },
    }),
  } as object) as FastifyInstance

  // Fastify closes sessions on which nothing comes: that waits for streams, also for one that never will be a request.
  app.server.on('session', (session: Http2Session) =>
    session.once('timeout', () => ctx.clock.after(LIMITS.requestTimeout, () => session.destroy())),
  )
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (request, body, done) => {
      try {
        done(null, parseForm(body as string, request.routeOptions.config.maxParameters))
      } catch (error) {
        done(error as Error)
      }
    },
  )
  app.addContentTypeParser('multipart/form-data', { parseAs: 'buffer' }, (request, body, done) => {
    const { fileName } = request.routeOptions.config
    if (fileName === undefined) return done(null, {})
    try {
      const { form, file } = parseMultipart(body as Buffer, request.headers['content-type'] ?? '', fileName)
      request.file = file
      done(null, form)
    } catch (error) {
      done(error as Error)
    }
  })
  // A body of another type has no parameters: they are missing, as on the real API.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, {}))

  const underWay = new Set<FastifyRequest>()
  app.addHook('onRequest', async (request, reply) => {
    underWay.add(request)
    request.startedAtMs = ctx.clock.now()
    // No other hook runs for a client that goes away.
    reply.raw.once('close', () => underWay.delete(request) && recordRequest(ctx, request, reply))
    if (request.raw.httpVersionMajor === 2) limitStream(ctx, request.raw as unknown as Http2ServerRequest)
    const host = hostHeader(request)
    request.sourceIp = sourceAddress(request.ip, request.raw.socket.remoteAddress ?? '')
    if (isForFunction(ctx, request, reply)) return
    request.urls = urlsOf(host, isSecure(ctx, request), ctx.config.publicUrl)
    reply.header('twilio-request-id', request.id)
    reply.header('twilio-concurrent-requests', underWay.size)
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
    underWay.delete(request)
    recordRequest(ctx, request, reply)
    // Kept alive, it would keep the process: only connections that were idle are closed with the server.
    if (isClosing && request.raw.httpVersionMajor === 1) hangUp(ctx, request.raw.socket)
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
  ctx.functions.egress.answerBy(app.routing)
  return app
}

/** By the socket, not by the setting: the local door of a server with TLS has none. */
const isSecure = ({ config }: Context, { protocol }: FastifyRequest) =>
  protocol === 'https' || config.tlsTerminatedByProxy

/** Takes the request if so. Nothing of the API's follows then: no log-in, no header, no limit. */
function isForFunction(ctx: Context, request: FastifyRequest, reply: FastifyReply): boolean {
  const call = callOf(ctx.config, request.raw, isSecure(ctx, request))
  if (!call) return false
  reply.hijack()
  const visited: Record<string, string> = {}
  request.visited = visited
  void answerFunction(ctx, call, request.id, request.raw, reply.raw, (sids) => Object.assign(visited, sids))
  return true
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

function allowOrigins(reply: FastifyReply): void {
  reply.headers({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
    'access-control-allow-headers': 'Authorization, Content-Type, Accept',
    'access-control-expose-headers': 'Twilio-Request-Id, Twilio-Concurrent-Requests',
  })
}
