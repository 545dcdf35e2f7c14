import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildFailure } from './failure.ts'

/** What to take instead of packages that are known to need a native add-on. */
const ALTERNATIVES: Readonly<Record<string, string>> = {
  '@napi-rs/canvas': 'pureimage',
  '@node-rs/argon2': 'argon2 of node:crypto',
  '@node-rs/bcrypt': 'bcryptjs',
  argon2: 'argon2 of node:crypto',
  bcrypt: 'bcryptjs',
  'better-sqlite3': 'node:sqlite',
  canvas: 'pureimage',
  iconv: 'iconv-lite',
  leveldown: 'memory-level',
  libxmljs: 'fast-xml-parser',
  'node-rdkafka': 'kafkajs',
  'node-sass': 'sass',
  'pg-native': 'pg',
  re2: 're2js',
  scrypt: 'scrypt of node:crypto',
  sharp: 'jimp',
  snappy: 'snappyjs',
  'sodium-native': 'libsodium-wrappers',
  sqlite3: 'node:sqlite',
}

interface Locked {
  packages: Record<string, { optional?: boolean; link?: boolean; resolved?: string }>
}

/**
 * Looks at what npm has put into `folder`. An optional package with a native add-on is taken away, as npm does with one
 * that it cannot compile. Throws BuildFailure for one that is needed, and for what is not of the registry.
 */
export async function refuseNative(folder: string, lock: string): Promise<void> {
  const { packages } = JSON.parse(lock) as Locked
  for (const [path, { link, resolved }] of Object.entries(packages)) {
    // Of the registry's own packages the address is left out of the lock.
    if (link || resolved !== undefined)
      throw new BuildFailure(`${nameOf(path)} does not come from the registry`)
  }
  const withAddOns = await findAddOns(folder)
  for (const [path, { optional }] of Object.entries(packages)) {
    const isNative = withAddOns.has(path) || (path !== '' && existsSync(join(folder, path, 'binding.gyp')))
    if (optional && isNative) await rm(join(folder, path), { recursive: true, force: true })
    else if (!optional && (isNative || Object.hasOwn(ALTERNATIVES, nameOf(path)))) throw refuse(nameOf(path))
  }
}

function refuse(name: string): BuildFailure {
  const instead = Object.hasOwn(ALTERNATIVES, name)
    ? `use ${ALTERNATIVES[name]} instead`
    : 'use a package without one'
  return new BuildFailure(`${name} needs a native add-on, which Functions cannot load: ${instead}`)
}

/** The packages, as paths of the lock, that hold compiled add-ons. */
async function findAddOns(folder: string): Promise<Set<string>> {
  const files = await readdir(join(folder, 'node_modules'), { recursive: true })
  const addOns = files.filter((file) => file.endsWith('.node'))
  return new Set(addOns.map((file) => packageOf(`node_modules/${file}`)))
}

/** Of the path of a file. */
const packageOf = (file: string) => /^.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? ''

const nameOf = (path: string) => path.replace(/^.*node_modules\//, '')
