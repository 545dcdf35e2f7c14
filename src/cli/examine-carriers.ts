import type { Config } from '../config.ts'
import type { ProviderConfig } from '../config-providers.ts'
import { systemClock } from '../context.ts'
import { tryLogin } from '../delivery/providers/open.ts'
import type { Finding } from '../operations/doctor.ts'

/**
 * Whether each configured carrier lets this machine in: it is logged in to and out of, and nothing is sent. For where no
 * server runs, which would have a session of its own.
 */
export const examineCarriers = ({ providers }: Config): Promise<Finding[]> =>
  Promise.all(Object.entries(providers).map(([id, provider]) => examineCarrier(id, provider)))

async function examineCarrier(id: string, provider: ProviderConfig): Promise<Finding> {
  const { host, port } = provider.options.reveal()
  const what = `carrier ${id}`
  const place = `${provider.kind}, ${host}:${port}`
  const obstacle = await tryLogin(provider, systemClock)
  if (!obstacle) return { what, state: 'ok', detail: `${place} lets this machine in` }
  const { fault, advice, isPassing } = obstacle
  return { what, state: isPassing ? 'warning' : 'problem', detail: `${place} ${fault}`, advice }
}
