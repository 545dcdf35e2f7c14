import { type Config, isLoopback } from '../config.ts'
import type { Finding } from '../operations/doctor.ts'

const TEN_MINUTES_S = 600

/** What an operator may want, but has to know of: each start says so too. */
export function examineSettings(config: Config): Required<Finding>[] {
  return [...examineProxy(config), ...examineCodeLife(config)]
}

function examineProxy({ host, tlsCert, tlsTerminatedByProxy, trustedProxies }: Config): Required<Finding>[] {
  if (tlsCert || !tlsTerminatedByProxy) return []
  const findings: Required<Finding>[] = []
  if (trustedProxies.length === 0) {
    findings.push({
      what: 'proxy',
      state: 'problem',
      // Lists of networks and limits on guesses cannot tell clients apart.
      detail: 'a proxy ends TLS, and no trusted proxy is named: all clients look like one address',
      advice: 'set COUNTERSIGN_TRUSTED_PROXIES: docs/access.md',
    })
  }
  if (!isLoopback(host)) {
    findings.push({
      what: 'proxy',
      state: 'warning',
      detail: `HOST is ${host}, and what arrives there is plain HTTP: a proxy has to end TLS before it`,
      advice: 'see to it that nobody but the proxy reaches the port',
    })
  }
  return findings
}

function examineCodeLife({ codeTtlSeconds }: Config): Required<Finding>[] {
  if (codeTtlSeconds <= TEN_MINUTES_S) return []
  return [
    {
      what: 'code life',
      state: 'warning',
      detail: `COUNTERSIGN_CODE_TTL_SECONDS is ${codeTtlSeconds}: codes can be stolen and used for longer than ten minutes`,
      advice: `${TEN_MINUTES_S} is what it should be at most`,
    },
  ]
}
