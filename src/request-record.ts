import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from './context.ts'

/** Counts a request that is over, and says so in the log: without a status where the client did not wait for one. */
export function recordRequest(ctx: Context, request: FastifyRequest, reply: FastifyReply): void {
  const { id, principal, method, routeOptions, visited, startedAtMs } = request
  if (principal) ctx.callCounts.add(principal.account.sid)
  ctx.log.info(
    {
      request_id: id,
      account_sid: principal?.account.sid,
      key_sid: principal?.key?.sid,
      method,
      // The pattern, not the path: that may hold a recipient.
      route: routeOptions.url,
      ...visited,
      ...((request.params as object | undefined) && sidsOf(request.params as Record<string, string>)),
      ...(reply.raw.headersSent && { status: reply.statusCode }),
      ms: ctx.clock.now() - startedAtMs,
    },
    'request',
  )
}

/** What of a path may be logged: sids, but not the recipients that may stand in their place. */
function sidsOf(params: Record<string, string>): Record<string, string> {
  const sids: Record<string, string> = {}
  for (const [name, value] of Object.entries(params))
    if (/^[A-Z]{2}[0-9a-f]{32}$/i.test(value)) sids[name] = value
  return sids
}
