import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { StorageUnavailable } from '../storage/storage.ts'
import { ApiError, errorBody, fail } from './errors.ts'
import { hangUp } from './hang-up.ts'

export const newRequestId = ({ random }: Context) => `RQ${random.bytes(16).toString('hex')}`

/** Answers what was thrown: as the catalogue says, or 20500 for what is a bug. */
export function answerError(ctx: Context, error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
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
export function answerUnrouted(
  ctx: Context,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  reply.header('twilio-request-id', request.id)
  answerError(ctx, error, request, reply)
  ctx.log.info({ request_id: request.id, method: request.method, status: reply.statusCode }, 'request')
}

/** For what never became a request: the answer is written to the bare socket. */
export function answerBrokenRequest(ctx: Context, error: NodeJS.ErrnoException, socket: Socket): void {
  // Before a handshake nothing can be said, and the end of what would be is waited for in vain.
  if (error.code === 'ECONNRESET' || /^ERR_(TLS|SSL)_/.test(error.code ?? '')) {
    socket.destroy()
    return
  }
  if (!socket.writable) return
  const answer =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? fail.headersTooLarge()
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? fail.requestTimeout()
        : fail.invalidRequest('Malformed request')
  const id = newRequestId(ctx)
  ctx.log.info({ request_id: id, status: answer.status }, 'request')
  const body = JSON.stringify(errorBody(answer))
  hangUp(
    ctx,
    socket,
    `HTTP/1.1 ${answer.status} ${answer.status === 400 ? 'Bad Request' : answer.message}\r\n` +
      `twilio-request-id: ${id}\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  )
}
