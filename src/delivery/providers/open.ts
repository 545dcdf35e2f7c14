import type { Clock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import type { ProviderConfig } from '../../config-providers.ts'
import type { Provider, ProviderWorld } from '../provider.ts'
import type { Obstacle } from './obstacle.ts'

/** Opens the configured providers, each kind's code loaded only where it is configured. */
export async function openProviders(
  config: Config,
  inbox: Provider,
  world: ProviderWorld,
): Promise<ReadonlyMap<string, Provider>> {
  const providers = new Map<string, Provider>([[inbox.id, inbox]])
  for (const [id, provider] of Object.entries(config.providers)) {
    if (provider.kind === 'smpp') {
      const { openSmpp } = await import('./smpp/smpp.ts')
      providers.set(id, openSmpp(id, provider.options.reveal(), world))
    } else {
      const { openSmtp } = await import('./smtp/smtp.ts')
      providers.set(id, openSmtp(id, provider.options.reveal(), world))
    }
  }
  return providers
}

/** Logs in to one as a server would, and out again. Resolves to what is in the way, undefined where nothing is. */
export async function tryLogin(provider: ProviderConfig, clock: Clock): Promise<Obstacle | undefined> {
  if (provider.kind === 'smpp') {
    const { tryLogin } = await import('./smpp/login.ts')
    return tryLogin(provider.options.reveal(), clock)
  }
  const { tryLogin } = await import('./smtp/login.ts')
  return tryLogin(provider.options.reveal())
}
