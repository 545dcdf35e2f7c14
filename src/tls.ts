import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { ConfigError, explainFile, quote } from './config-values.ts'
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

/**
 * Undefined where the server has no TLS of its own. Throws ConfigError where a file cannot be read or is not what it
 * should be, and where the two are no pair.
 */
export async function readTls({ tlsCert, tlsKey }: Config): Promise<Tls | undefined> {
  if (!tlsCert || !tlsKey) return undefined
  const [cert, key] = await Promise.all([readNamed(CERT, tlsCert), readNamed(KEY, tlsKey)])
  const certificate = parse(CERT, tlsCert, 'a certificate in PEM', () => new X509Certificate(cert))
  const privateKey = parse(KEY, tlsKey, 'a private key in PEM, without a passphrase', () =>
    createPrivateKey(key),
  )
  if (!certificate.checkPrivateKey(privateKey)) {
    const expected = `the first certificate in ${CERT} (${quote(tlsCert)})`
    throw new ConfigError(`${KEY} names ${quote(tlsKey)}, which is not the key of ${expected}`)
  }
  parse(CERT, tlsCert, 'a certificate chain that TLS takes', () =>
    createSecureContext({ ...RULES, cert, key }),
  )
  return { cert, key }
}

const CERT = 'COUNTERSIGN_TLS_CERT'
const KEY = 'COUNTERSIGN_TLS_KEY'

const readNamed = (name: string, path: string) =>
  readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${name} names ${quote(path)}, which cannot be read: ${explainFile(error)}`)
  })

/** Not the parser's own words, which nobody understands. */
function parse<T>(name: string, path: string, expected: string, read: () => T): T {
  try {
    return read()
  } catch {
    throw new ConfigError(`${name} names ${quote(path)}: must be ${expected}`)
  }
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
