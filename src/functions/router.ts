import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Account, openAuthToken } from '../accounts/accounts/account.ts'
import type { Principal } from '../accounts/authorize.ts'
import type { Context } from '../context.ts'
import { StorageUnavailable } from '../storage/storage.ts'
import { type Answer, cutOff, sayText, sendAnswer } from './answer.ts'
import { answerAsset } from './assets.ts'
import type { Deployed, DeployedVersion } from './deployed.ts'
import { type Call, rootOf } from './hosts.ts'
import { areHeadersTooLong, type Holding, headersOf, readBody } from './request.ts'
import type { Outcome } from './runtime/pools.ts'
import { shareOrigin, withoutOwnCookies } from './shared-origin.ts'
import { isSigned } from './signature.ts'

/** Of what a handler gets as its `context`, as JSON: reference functions.md §D3. */
const MAX_CONTEXT_BYTES = 3 * 1024

const NOT_FOUND = sayText(404, 'Could not find requested resource')
const NOT_ALLOWED = sayText(405, 'Method Not Allowed', [['allow', 'GET, HEAD, OPTIONS']])
const BUSY = sayText(429, 'Too Many Requests', [['retry-after', '1']])
const TOO_LARGE = sayText(413, 'Request Entity Too Large')
const UNAVAILABLE = sayText(503, 'Service Unavailable', [['retry-after', '1']])
const PREFLIGHT: Answer = {
  status: 204,
  headers: [
    ['access-control-allow-origin', '*'],
    ['access-control-allow-headers', '*'],
    ['access-control-allow-methods', 'GET, POST, OPTIONS'],
    ['access-control-expose-headers', 'ETag'],
    ['access-control-max-age', '86400'],
    ['access-control-allow-credentials', 'true'],
    ['content-type', 'text/plain; charset=UTF-8'],
    ['content-length', '0'],
  ],
  body: new Uint8Array(),
}

/** A request under way: what is known of it so far, for its line in the log as well. */
interface Visit {
  call: Call
  requestSid: string
  request: IncomingMessage
  /** What it holds of an account's share of the memory. */
  hold(accountSid: string): Holding
  note(fields: Record<string, string>): void
}

/**
 * Answers a request to a functions host: with what the function says, with an asset, or with why neither. `note` is
 * told what was found. Never rejects.
 */
export async function answerFunction(
  ctx: Context,
  call: Call,
  requestSid: string,
  request: IncomingMessage,
  response: ServerResponse,
  note: Visit['note'],
): Promise<void> {
  let isGone = false
  response.once('close', () => {
    isGone = true
  })
  const hold = (accountSid: string) => {
    const holding = ctx.functions.held.hold(accountSid)
    if (isGone) holding.release()
    else response.once('close', holding.release)
    return holding
  }
  const send = (answer: Answer) => sendAnswer(ctx.clock, request, response, answer)
  try {
    const answer = await decide(ctx, { call, requestSid, request, hold, note })
    send(call.sharesOrigin ? shareOrigin(answer, rootOf(call)) : answer)
  } catch (error) {
    if (isGone) return
    ctx.log.error({ request_id: requestSid, err: error }, 'request failed')
    if (response.headersSent) cutOff(request, response)
    else if (error instanceof StorageUnavailable) send(UNAVAILABLE)
    else send(sayText(500, 'Internal Server Error'))
  }
}

async function decide(ctx: Context, visit: Visit): Promise<Answer> {
  const { call, request } = visit
  const deployed = await ctx.functions.deployed.find(call.label)
  if (!deployed) return NOT_FOUND
  visit.note({ account_sid: deployed.accountSid, environment_sid: deployed.environmentSid })
  const owner = await ctx.known.principal(deployed.accountSid, undefined)
  const isActive = owner?.account.status === 'active' && (owner.parent ?? owner.account).status === 'active'
  if (!isActive) return sayText(403, 'Account not active')
  const found = find(deployed, pathOf(call.target))
  if (!found) return NOT_FOUND
  const { version, isAsset } = found
  visit.note({ [isAsset ? 'asset_sid' : 'function_sid']: version.resourceSid })
  if (request.method === 'OPTIONS') return PREFLIGHT
  if (areHeadersTooLong(request)) {
    alert(ctx, visit, deployed, version, '82008')
    return sayText(431, 'Request headers or cookies too long')
  }
  if (isAsset && request.method !== 'GET' && request.method !== 'HEAD') return NOT_ALLOWED
  const holding = visit.hold(deployed.accountSid)
  const body = isAsset ? new Uint8Array() : await readBody(request, holding.take)
  if (body === 'too large') return TOO_LARGE
  if (body === 'no room') return BUSY
  if (version.visibility === 'protected' && !isFromTwilio(ctx, owner, visit, body))
    return sayText(403, 'Forbidden')
  if (!isAsset) {
    const answer = await invoke(ctx, owner, visit, deployed, version, body)
    return holding.take(answer.body.length) ? answer : BUSY
  }
  const answer = answerAsset(request, version)
  if (typeof answer !== 'function') return answer
  if (!holding.share(version.hash, version.size)) return BUSY
  const content = await ctx.functions.assets.get(deployed.accountSid, version)
  return content ? answer(content) : NOT_FOUND
}

/** The function at a path, else the asset. What is private has no path. */
function find({ functions, assets }: Deployed, path: string | undefined) {
  if (path === undefined) return undefined
  const open = (versions: Deployed['functions'], at: string) => {
    const version = versions.get(at)
    return version?.visibility === 'private' ? undefined : version
  }
  const asFunction = open(functions, path)
  if (asFunction) return { version: asFunction, isAsset: false }
  const places = path === '/' ? ['/index.html', '/assets/index.html'] : [path]
  const [asset] = places.map((place) => open(assets, place)).filter((version) => version !== undefined)
  return asset && { version: asset, isAsset: true }
}

/** Undefined for what is no path. */
function pathOf(target: string): string | undefined {
  const [path = ''] = target.split('?', 1)
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function isFromTwilio(ctx: Context, { account }: Principal, visit: Visit, body: Uint8Array): boolean {
  const { 'x-twilio-signature': signature, 'content-type': contentType } = visit.request.headers
  const sealed = [account.authToken, ...(account.secondary ? [account.secondary.token] : [])]
  return isSigned(
    sealed.map((token) => openToken(ctx, account, token)),
    { url: visit.call.url, signature: [signature].flat()[0], contentType, body },
  )
}

/** Opened once for as long as the account is kept as it is. */
function openToken(ctx: Context, { sid }: Account, sealed: Uint8Array): string {
  const known = openedTokens.get(sealed)
  if (known !== undefined) return known
  const token = openAuthToken(ctx, sid, sealed)
  openedTokens.set(sealed, token)
  return token
}

const openedTokens = new WeakMap<Uint8Array, string>()

async function invoke(
  ctx: Context,
  { account }: Principal,
  visit: Visit,
  deployed: Deployed,
  version: DeployedVersion,
  body: Uint8Array,
): Promise<Answer> {
  const { call, request, requestSid } = visit
  const { refusal } = await ctx.functions.wall()
  // The start has said why.
  if (refusal !== undefined) return sayText(503, 'Functions do not run on this server')
  const { serviceSid, environmentSid, variables, includeCredentials } = deployed
  const credentials = includeCredentials && {
    ACCOUNT_SID: account.sid,
    AUTH_TOKEN: openToken(ctx, account, account.authToken),
  }
  const place = { PATH: version.path, DOMAIN_NAME: call.domainName }
  const sids = { SERVICE_SID: serviceSid, ENVIRONMENT_SID: environmentSid }
  const context = JSON.stringify({ ...place, ...sids, ...credentials, ...variables })
  if (Buffer.byteLength(context) > MAX_CONTEXT_BYTES) {
    alert(ctx, visit, deployed, version, '82006')
    return sayText(500, 'Variables and credentials are more than 3 KB')
  }
  const outcome = await ctx.functions.pools.invoke({
    deployed,
    path: version.path,
    requestSid,
    method: request.method ?? 'GET',
    headers: call.sharesOrigin ? withoutOwnCookies(headersOf(request)) : headersOf(request),
    query: call.target.split('?').slice(1).join('?'),
    body,
    domainName: call.domainName,
    accountSid: account.sid,
    ...(credentials && { authToken: credentials.AUTH_TOKEN }),
  })
  const answer = toAnswer(outcome)
  if (answer.status === 431) alert(ctx, visit, deployed, version, '82008')
  else if (answer.status >= 500) alert(ctx, visit, deployed, version, '82002')
  return answer
}

function toAnswer(outcome: Outcome): Answer {
  switch (outcome.outcome) {
    case 'answered':
      return outcome
    case 'timeout':
      return sayText(504, 'runtime application timed out')
    case 'crashed':
      return sayText(502, 'runtime application exited')
    case 'broken':
      return sayText(502, 'runtime application answered what cannot be sent')
    case 'busy':
      return BUSY
  }
}

const ALERTS = {
  '82002': 'answered with an error',
  '82006': 'was not run: its context is more than 3 KB',
  '82008': 'had too many or too long headers or cookies',
} as const

function alert(
  ctx: Context,
  { request, requestSid }: Visit,
  { accountSid, serviceSid }: Deployed,
  { path, resourceSid }: DeployedVersion,
  errorCode: keyof typeof ALERTS,
): void {
  const { method } = request
  ctx.alerts.raise({
    accountSid,
    errorCode,
    text: `${path} ${ALERTS[errorCode]} (${requestSid})`,
    resourceSid,
    serviceSid,
    requestMethod: method === 'GET' || method === 'POST' ? method : null,
  })
}
