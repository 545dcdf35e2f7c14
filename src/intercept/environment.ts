import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { getCACertificates, rootCertificates } from 'node:tls'
import { makeJavaTrustStore } from './java-trust-store.ts'
import { PYTHON_HOOK } from './python-hook.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The server that a command talks to, and who it talks as. */
export interface RunningServer {
  url: string
  accountSid: string
  authToken: string
  serviceSid: string
  /** Stops the server if it was started for the command. */
  close(): Promise<void>
}

/** Paths of what clients are told to trust. */
export interface TrustFiles {
  /** PEM: the system's roots, what the user already trusts besides, and ours. */
  bundle: string
  /** PEM, for Node, which has roots of its own: the same without the system's. */
  extra: string
  javaStore: string
  phpFolder: string
  pythonFolder: string
}

/** Variables that name a PEM file of authorities. What is in the user's own has to stay trusted. */
const BUNDLE_VARIABLES = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'] as const

/** Writes into `folder` all that lets clients of every kind trust `rootPem`, and what they trusted before. */
export async function writeTrustFiles(
  folder: string,
  rootPem: string,
  environment: Environment,
): Promise<TrustFiles> {
  const files: TrustFiles = {
    bundle: join(folder, 'bundle.pem'),
    extra: join(folder, 'extra.pem'),
    javaStore: join(folder, 'trust.p12'),
    phpFolder: join(folder, 'php'),
    pythonFolder: join(folder, 'python'),
  }
  const extra = await readCertificates(environment.NODE_EXTRA_CA_CERTS)
  const named = await Promise.all(BUNDLE_VARIABLES.map((name) => readCertificates(environment[name])))
  const system = getCACertificates('system')
  const roots = system.length > 0 ? system : rootCertificates
  const all = [...new Set([...roots, ...named.flat(), ...extra, rootPem].map((pem) => pem.trim()))]

  await mkdir(files.phpFolder)
  await mkdir(files.pythonFolder)
  await writeFile(files.bundle, `${all.join('\n')}\n`)
  await writeFile(files.extra, `${[...extra, rootPem].join('\n')}\n`)
  await writeFile(files.javaStore, makeJavaTrustStore(all))
  await writeFile(join(files.phpFolder, 'countersign.ini'), phpSettings(files.bundle))
  await writeFile(join(files.pythonFolder, 'sitecustomize.py'), PYTHON_HOOK)
  return files
}

/** None if there is no such file: the variable may name a folder, or nothing any more, and clients live with that. */
async function readCertificates(path: string | undefined): Promise<string[]> {
  const text = path ? await readFile(path, 'utf8').catch(() => '') : ''
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

const phpSettings = (bundle: string) => `openssl.cafile="${bundle}"\ncurl.cainfo="${bundle}"\n`

/** The environment of a command whose Twilio clients are to reach `server` through the proxy, and nothing else changed. */
export function makeEnvironment(
  base: Environment,
  proxyUrl: string,
  server: Omit<RunningServer, 'close'>,
  trust: TrustFiles,
): Environment {
  const { SSL_CERT_DIR: _, ...rest } = base // wins over SSL_CERT_FILE
  return {
    ...rest,
    ...inBothCases({ http_proxy: proxyUrl, https_proxy: proxyUrl, no_proxy: 'localhost,127.0.0.1,::1' }),
    NODE_USE_ENV_PROXY: '1', // Node's own fetch would ignore the proxy without it
    NODE_EXTRA_CA_CERTS: trust.extra,
    ...Object.fromEntries(BUNDLE_VARIABLES.map((name) => [name, trust.bundle])),
    JAVA_TOOL_OPTIONS: joinGiven(' ', base.JAVA_TOOL_OPTIONS, javaOptions(proxyUrl, trust.javaStore)),
    // An empty place stands for the folder that PHP was built with.
    PHP_INI_SCAN_DIR: `${base.PHP_INI_SCAN_DIR ?? ''}${delimiter}${trust.phpFolder}`,
    PYTHONPATH: joinGiven(delimiter, trust.pythonFolder, base.PYTHONPATH),
    TWILIO_ACCOUNT_SID: server.accountSid,
    TWILIO_AUTH_TOKEN: server.authToken,
    TWILIO_VERIFY_SERVICE_SID: server.serviceSid,
    VERIFICATION_SID: server.serviceSid, // what Twilio's tutorials call it
  }
}

function javaOptions(proxyUrl: string, store: string): string {
  const { hostname, port } = new URL(proxyUrl)
  const properties = {
    'http.proxyHost': hostname,
    'http.proxyPort': port,
    'https.proxyHost': hostname,
    'https.proxyPort': port,
    'javax.net.ssl.trustStore': store,
    'javax.net.ssl.trustStoreType': 'PKCS12',
  }
  return Object.entries(properties)
    .map(([name, value]) => `-D${name}=${/\s/.test(value) ? `"${value}"` : value}`)
    .join(' ')
}

const inBothCases = (variables: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([k, v]) => [
      [k, v],
      [k.toUpperCase(), v],
    ]),
  )

const joinGiven = (separator: string, ...parts: (string | undefined)[]) =>
  parts.filter(Boolean).join(separator)
