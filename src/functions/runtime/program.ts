import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { exists } from '../exists.ts'

/** What runs inside a child, from this folder. */
const FILES = [
  'protocol',
  'child/arguments',
  'child/channel',
  'child/connect',
  'child/console',
  'child/context',
  'child/event',
  'child/globals',
  'child/main',
  'child/query',
  'child/reply',
  'child/response',
  'child/signals',
  'child/tls',
  'child/twilio',
]

/**
 * The child's program as plain JavaScript in a folder of its own below `scratch`, so that no start strips types and a
 * child may read this and nothing else of the server's. Made once for each version of it; resolves to the folder.
 */
export async function installProgram(scratch: string): Promise<string> {
  const sources = await Promise.all(FILES.map(readSource))
  const digest = createHash('sha256').update(sources.join('\0')).digest('hex').slice(0, 16)
  const folder = join(scratch, `child-${digest}`)
  if (await exists(folder)) return folder
  await mkdir(scratch, { recursive: true })
  const fresh = await mkdtemp(`${folder}-`)
  await mkdir(join(fresh, 'child'))
  await writeFile(join(fresh, 'package.json'), '{"type":"module"}')
  for (const [i, file] of FILES.entries()) await writeFile(join(fresh, `${file}.js`), sources[i] ?? '')
  // Children may run as another user, and the server under a strict umask.
  for (const name of ['.', ...(await readdir(fresh, { recursive: true }))])
    await chmod(join(fresh, name), 0o755)
  // Of two servers that start at once, one's serves both.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true }))
  return folder
}

async function readSource(file: string): Promise<string> {
  // As this file is: from the checkout TypeScript, from the package JavaScript.
  const extension = extname(import.meta.filename)
  const text = await readFile(join(dirname(import.meta.filename), `${file}${extension}`), 'utf8')
  if (extension === '.js') return text
  return stripTypes(text).replaceAll(/(from '\.[^']+)\.ts'/g, "$1.js'")
}

/** Without the warning that this way of Node's may change: it concerns us, not who runs a server. */
function stripTypes(text: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
