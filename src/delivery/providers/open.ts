import type { Config } from '../../config.ts'
import type { Provider, ProviderWorld } from '../provider.ts'

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
