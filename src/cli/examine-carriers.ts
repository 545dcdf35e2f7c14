import { connect } from 'node:net'
import type { Config } from '../config.ts'
import type { ProviderConfig } from '../config-providers.ts'
import type { Finding } from '../operations/doctor.ts'

const LIMIT_MS = 3_000

/**
 * Whether each configured carrier takes connections, at most 3 s each: without a server nobody else knows. It does not
 * log in: a carrier may allow one session only, and another machine may have it.
 */
export const examineCarriers = ({ providers }: Config): Promise<Finding[]> =>
  Promise.all(Object.entries(providers).map(([id, provider]) => examineCarrier(id, provider)))

async function examineCarrier(id: string, { kind, options }: ProviderConfig): Promise<Finding> {
  const { host, port } = options.reveal()
  const what = `carrier ${id}`
  const place = `${kind}, ${host}:${port}`
  const fault = await tryToConnect(host, port)
  if (fault === undefined) {
    return { what, state: 'ok', detail: `${place} takes connections; a server that runs tells of the log-in` }
  }
  const advice = 'look at its host and port, and at the firewalls between'
  return { what, state: 'problem', detail: `${place} cannot be reached: ${fault}`, advice }
}

/** Undefined where it did; else why not. */
function tryToConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal: AbortSignal.timeout(LIMIT_MS) })
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(
        error.name === 'AbortError' ? `no answer in ${LIMIT_MS / 1_000} s` : (error.code ?? error.message),
      ),
    )
  })
}
