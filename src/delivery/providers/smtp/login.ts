import { connectionObstacle, type Obstacle } from '../obstacle.ts'
import { isCredentialFailure, readFailure, type SmtpError } from './failure.ts'
import type { SmtpOptions } from './options.ts'
import { openTransport, redact } from './smtp.ts'

const LIMIT_MS = 5_000

/**
 * Greets the server, begins TLS and logs in, as far as the options say so, and sends nothing; at most 5 s for each
 * answer. Resolves to what is in the way, undefined where nothing is.
 */
export async function tryLogin(options: SmtpOptions): Promise<Obstacle | undefined> {
  const transport = await openTransport({
    ...options,
    connection_timeout_ms: Math.min(options.connection_timeout_ms, LIMIT_MS),
    greeting_timeout_ms: Math.min(options.greeting_timeout_ms, LIMIT_MS),
    socket_timeout_ms: Math.min(options.socket_timeout_ms, LIMIT_MS),
  })
  try {
    await transport.verify()
    return undefined
  } catch (error) {
    return readObstacle(error as SmtpError, options)
  } finally {
    transport.close()
  }
}

function readObstacle(error: SmtpError, { auth, tls }: SmtpOptions): Obstacle {
  const secrets = [auth?.password, auth?.user]
  const { code, ...said } = readFailure(error, false, (text) => redact(text, secrets))
  const words = 'detail' in said && said.detail ? `${code} ${said.detail}` : code
  const isPassing = error.responseCode !== undefined && error.responseCode < 500
  if (isCredentialFailure(error)) {
    // Without its words: they may repeat the log-in, in base64.
    if (isPassing)
      return { fault: `cannot check the log-in now: ${code}`, advice: 'try again later', isPassing }
    return {
      fault: `refuses user or password: ${code}`,
      advice:
        'set auth.user and auth.password as the mail server has them; some want a password for programs',
    }
  }
  if (error.code === 'ETLS' && error.response !== undefined) {
    return {
      fault: `refuses STARTTLS: ${words}`,
      advice:
        'look at port and tls: `implicit` is for TLS from the first byte, `none` for a relay on this machine',
    }
  }
  if (error.code === 'EPROTOCOL' && !error.responseCode)
    return { fault: 'does not speak as a mail server', advice: 'look at its host and port' }
  if (error.response !== undefined) {
    const advice = `ask whoever runs it: it may not know this machine's address`
    return { fault: `refuses us: ${words}`, advice, ...(isPassing && { isPassing }) }
  }
  if (error.code === 'ETIMEDOUT' && tls !== 'implicit' && /greeting/i.test(error.message)) {
    const advice = 'is this the port for TLS from the first byte? Then set tls: implicit'
    return { fault: 'connects, but says nothing', advice }
  }
  return connectionObstacle(error.originalCode ?? code)
}
