import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { errorBody, fail } from '../http/errors.ts'
import { Refusal } from '../refusal.ts'
import { type AdminName, adminCommands } from './admin.ts'

export const CONTROL_PATH = '/_control/'
/** On every answer to who has the secret: it tells the server of a data directory from another on the same port. */
export const ACCEPTED_HEADER = 'countersign-control'

const isCommand = (name: string): name is AdminName => Object.hasOwn(adminCommands, name)

/**
 * `POST /_control/<command>` with JSON, for the command line on this machine: one process owns a SQLite file, so the
 * running server is asked. The secret is in a file that only the server's user can read; without it the path does not
 * exist.
 */
export function registerControl(app: FastifyInstance, ctx: Context, secret: string): void {
  const expected = Buffer.from(`Bearer ${secret}`)
  app.register(async (scope) => {
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, JSON.parse(body as string))
      } catch {
        done(fail.invalidRequest('Malformed request'))
      }
    })
    scope.post<{ Params: { command: string } }>(`${CONTROL_PATH}:command`, {
      // Before the body is read.
      onRequest: async (request, reply) => {
        const given = Buffer.from(request.headers.authorization ?? '')
        const right = given.length === expected.length && timingSafeEqual(given, expected)
        if (!right || !isCommand(request.params.command)) throw fail.notFound(request.url)
        reply.header(ACCEPTED_HEADER, 'accepted')
      },
      handler: async (request, reply) => {
        reply.header('cache-control', 'no-store')
        try {
          const run = adminCommands[request.params.command as AdminName] as (
            ctx: Context,
            input: unknown,
          ) => Promise<unknown>
          return await reply.send({ result: (await run(ctx, request.body)) ?? null })
        } catch (error) {
          // A refusal is for the operator, and part of no API.
          if (!(error instanceof Refusal)) throw error
          return reply.code(409).send(errorBody({ code: 20409, status: 409, message: error.message }))
        }
      },
    })
  })
}
