import type { Clock } from '../../../clock.ts'
import { connectionObstacle, type Obstacle } from '../obstacle.ts'
import type { SmppOptions } from './options.ts'
import { type Role, rolesOf, Session } from './session.ts'
import { isThrottling, STATUS, statusCode } from './status.ts'

const LIMIT_MS = 3_000

/**
 * Binds once as a server does, each role, and unbinds; at most 3 s for each answer. Resolves to what is in the way,
 * undefined where nothing is.
 */
export async function tryLogin(options: SmppOptions, clock: Clock): Promise<Obstacle | undefined> {
  const limited = { ...options, request_timeout_ms: Math.min(options.request_timeout_ms, LIMIT_MS) }
  for (const role of rolesOf(options)) {
    const obstacle = await tryToBind(limited, clock, role)
    if (obstacle) return obstacle
  }
  return undefined
}

async function tryToBind(options: SmppOptions, clock: Clock, role: Role): Promise<Obstacle | undefined> {
  let reason = ''
  const session = new Session(options, clock, {
    // A receipt that is not stored must not be lost: the server gets it.
    message: async () => STATUS.tryAgain,
    room() {},
    ended(why) {
      reason = why
    },
  })
  const failure = await session.bind(role)
  if (failure === undefined) {
    await session.unbind()
    return undefined
  }
  session.destroy('refused')
  if (typeof failure === 'number') return refusalObstacle(failure)
  return failure === 'timeout' ? silence(options) : lossObstacle(reason, options)
}

function refusalObstacle(status: number): Obstacle {
  const code = statusCode(status)
  if (status === STATUS.invalidPassword)
    return { fault: `refuses the password: ${code}`, advice: 'set password as the carrier gave it' }
  if (status === STATUS.invalidSystemId)
    return { fault: `does not know the system_id: ${code}`, advice: 'set system_id as the carrier gave it' }
  if (status === STATUS.alreadyBound) {
    return {
      fault: `has a session of this account, and takes no other: ${code}`,
      advice: 'another server has it, or the carrier has not yet seen that one ended; ask how many it allows',
      isPassing: true,
    }
  }
  return {
    fault: `refuses the bind: ${code}`,
    advice: `ask the carrier about system_id, password, system_type, bind, and this machine's address`,
    ...(isThrottling(status) && { isPassing: true }),
  }
}

const silence = ({ tls }: SmppOptions): Obstacle => ({
  fault: `does not answer the bind in ${LIMIT_MS / 1_000} s`,
  advice: tls ? 'is this the port for SMPP?' : 'is this the port for SMPP, and does it want tls: true?',
})

/** The connection was never there, or went before an answer came. */
function lossObstacle(reason: string, { tls }: SmppOptions): Obstacle {
  if (!/^(connection closed|ECONNRESET|EPIPE|SMSC unbound|invalid PDU length)$/.test(reason))
    return connectionObstacle(reason)
  const question = tls ? 'does this port speak TLS' : 'does it want tls: true'
  return {
    fault: `hangs up before it answers the bind: ${reason}`,
    advice: `${question}, and does the carrier let this machine's address in?`,
  }
}
