import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDataDirectory } from '../data-directory.ts'
import { TWILIO_DOMAINS } from '../http/urls.ts'
import {
  authorityExtensions,
  type Issuer,
  issueCertificate,
  serverExtensions,
  type World,
} from './certificate.ts'

const rootName = (domains: readonly string[]) => `Countersign local root (${domains.join(' and ')} only)`
const issuingName = (domains: readonly string[]) =>
  `Countersign local authority (${domains.join(' and ')} only)`

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
/** The longest that clients accept is 398. */
const LEAF_DAYS = 397

/** What clients trust for the length of a command, and what answers them. */
export interface Authority {
  rootPem: string
  /** A fresh certificate for one host of its domains: its private key, and the chain below the root, both PEM. */
  certify(host: string): { key: string; cert: string }
}

/**
 * The authority kept in `folder`, made there if it is missing or ends within the life of a leaf. A root limited to
 * Twilio's domains signs one issuing certificate with the same limits, and its key is forgotten: nobody can widen
 * what clients have been told to trust. Java ignores the limits of a root itself, hence the level between.
 */
export async function openAuthority(folder: string, world: World): Promise<Authority> {
  const kept = await readFiles(folder)
  const lasts = kept && endsAtMs(kept.issuing) > world.clock.now() + LEAF_DAYS * DAY_MS
  if (kept && !lasts) await rm(folder, { recursive: true })
  const files = lasts ? kept : await keepFiles(folder, makeFiles(world, TWILIO_DOMAINS))
  return toAuthority(world, TWILIO_DOMAINS, files)
}

/** One for `domains` that lasts as long as the process: whom it is for gets its root from this process. */
export const makeAuthority = (world: World, domains: readonly string[]): Authority =>
  toAuthority(world, domains, makeFiles(world, domains))

function toAuthority(world: World, domains: readonly string[], files: AuthorityFiles): Authority {
  const { root, issuing, key } = files
  const privateKey = createPrivateKey(key)
  const issuer: Issuer = { name: issuingName(domains), privateKey, publicKey: createPublicKey(privateKey) }
  return {
    rootPem: root,
    certify: (host) => {
      const leaf = generateKeys()
      const subject = { name: 'Countersign', publicKey: leaf.publicKey, days: LEAF_DAYS }
      const cert = issueCertificate(world, { ...subject, extensions: serverExtensions(host) }, issuer)
      return { key: toPem(leaf.privateKey), cert: cert + issuing }
    },
  }
}

interface AuthorityFiles {
  root: string
  issuing: string
  /** Of the issuing certificate. The root's is never kept. */
  key: string
}

function makeFiles(world: World, domains: readonly string[]): AuthorityFiles {
  const root: Issuer = { name: rootName(domains), ...generateKeys() }
  const issuing = generateKeys()
  const make = (name: string, publicKey: KeyObject, levelsBelow: number) => {
    const extensions = authorityExtensions(domains, levelsBelow)
    return issueCertificate(world, { name, publicKey, days: AUTHORITY_DAYS, extensions }, root)
  }
  return {
    root: make(rootName(domains), root.publicKey, 1),
    issuing: make(issuingName(domains), issuing.publicKey, 0),
    key: toPem(issuing.privateKey),
  }
}

async function readFiles(folder: string): Promise<AuthorityFiles | undefined> {
  const read = (file: string) => readFile(join(folder, file), 'utf8')
  try {
    return {
      root: await read('root.pem'),
      issuing: await read('issuing.pem'),
      key: await read('issuing.key'),
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The files appear together, by the rename of their folder: of two commands that start at once, one keeps its own. */
async function keepFiles(folder: string, files: AuthorityFiles): Promise<AuthorityFiles> {
  await makeDataDirectory(dirname(folder))
  const fresh = await mkdtemp(`${folder}-`)
  await writeFile(join(fresh, 'root.pem'), files.root)
  await writeFile(join(fresh, 'issuing.pem'), files.issuing)
  await writeFile(join(fresh, 'issuing.key'), files.key, { mode: 0o600 })
  // Somebody else may want to trust the root by hand; the key is safe by its own mode.
  await chmod(fresh, 0o755)
  try {
    await rename(fresh, folder)
    return files
  } catch (error) {
    const winner = await readFiles(folder)
    await rm(fresh, { recursive: true })
    if (!winner) throw error
    return winner
  }
}

const generateKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const toPem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const endsAtMs = (pem: string) => new X509Certificate(pem).validToDate.getTime()
