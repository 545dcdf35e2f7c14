import { constants } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'

/** Certificate chain and private key, as PEM. */
export interface Tls {
  cert: Buffer
  key: Buffer
}

/** TLS 1.2 with forward secrecy and authenticated encryption only, and 1.3, which has nothing else. */
const RULES = {
  minVersion: 'TLSv1.2',
  ciphers: 'ECDHE+AESGCM:ECDHE+CHACHA20',
  honorCipherOrder: true,
  // Nobody needs renegotiation, and it costs the server more than the client.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const satisfies SecureContextOptions

const LOOK_EVERY_MS = 10_000

export const tlsOptions = (tls: Tls): SecureContextOptions => ({ ...RULES, ...tls })

/** Undefined where the server has no TLS of its own. Throws where a file cannot be read, or the two do not match. */
export async function readTls({ tlsCert, tlsKey }: Config): Promise<Tls | undefined> {
  if (!tlsCert || !tlsKey) return undefined
  const [cert, key] = await Promise.all([readFile(tlsCert), readFile(tlsKey)])
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    throw new Error(`${tlsCert} and ${tlsKey} are no certificate and its key`, { cause })
  }
  return { cert, key }
}

/**
 * Has the server serve what the files hold: looks each ten seconds, and at `reload`. Connections that are open keep
 * theirs; files that are not a pair (yet) change nothing, and are logged.
 */
export function watchTls(
  server: Server,
  first: Tls,
  { config, clock, log }: { config: Config; clock: Clock; log: Log },
): { reload(): Promise<void>; close(): void } {
  let served = first
  let cancel = () => {}
  const reload = async () => {
    try {
      const tls = await readTls(config)
      if (!tls || (tls.cert.equals(served.cert) && tls.key.equals(served.key))) return
      server.setSecureContext(tlsOptions(tls))
      served = tls
      log.info({}, 'the certificate was replaced')
    } catch (error) {
      log.error({ err: error }, 'the new certificate cannot be used; the old one stays')
    }
  }
  let isClosed = false
  const look = () => {
    if (!isClosed) cancel = clock.after(LOOK_EVERY_MS, () => void reload().finally(look))
  }
  look()
  return {
    reload,
    close() {
      isClosed = true
      cancel()
    },
  }
}
