import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { errorBody, fail } from '../http/errors.ts'
import { Refusal } from '../refusal.ts'
import { type AdminName, adminCommands } from './admin.ts'

export const CONTROL_PATH = '/_control/'
/** On every answer to who has the secret: its own proof, which another server on the same port cannot give. */
export const ACCEPTED_HEADER = 'countersign-control'

/**
 * Proves that one side of a command knows the secret, which is never sent: whoever has got the port of a server that was
 * killed could show it back.
 */
export const prove = (secret: string, side: 'asks' | 'answers', command: string, nonce: string) =>
  createHmac('sha256', secret).update(`${side} ${command} ${nonce}`).digest('hex')

/** What who asks sends as `Authorization`. */
export const askAs = (secret: string, command: string, nonce: string) =>
  `Control ${nonce} ${prove(secret, 'asks', command, nonce)}`

/** Constant in time for texts of one length. */
export function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const isCommand = (name: string): name is AdminName => Object.hasOwn(adminCommands, name)

/**
 * `POST /_control/<command>` with JSON, for the command line on this machine: one process owns a SQLite file, so the
 * running server is asked. The secret is in a file that only the server's user can read; without proof of it the path
 * does not exist.
 */
export function registerControl(app: FastifyInstance, ctx: Context, secret: string): void {
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
        const { command } = request.params
        const given = request.headers.authorization ?? ''
        const [, nonce = ''] = given.split(' ')
        const isRight = isSame(askAs(secret, command, nonce), given)
        if (!isRight || !isCommand(command)) throw fail.notFound(request.url)
        reply.header(ACCEPTED_HEADER, prove(secret, 'answers', command, nonce))
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
