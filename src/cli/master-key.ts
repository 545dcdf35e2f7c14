import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { systemRandom } from '../context.ts'
import { makeDataDirectory } from '../data-directory.ts'
import { Refusal } from '../refusal.ts'
import { addToRingFile, makeKey, parseKeyRing, ringFile } from '../storage/key-ring.ts'
import { ask } from './ask.ts'
import { type PrintOptions, print, table } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints a line a key: whether it seals, how much it has sealed, which nodes have it. */
export async function showMasterKeys(shell: Shell, options: PrintOptions): Promise<number> {
  const status = await ask(await readConfig(shell), 'master-key-status', undefined)
  print(shell, options, status, ({ keys }) =>
    table(
      ['KEY', 'SEALS', 'VALUES', 'HERE', 'NODES'],
      keys.map((key) => [
        key.id,
        key.active ? 'yes' : '-',
        String(key.sealed),
        key.held_here ? 'yes' : 'MISSING',
        key.nodes.join(' ') || '-',
      ]),
    ),
  )
  return 0
}

/**
 * Adds keys to the key file: a new one, or those of another node's file. A server that runs takes them up within five
 * seconds. The keys themselves are not shown.
 */
export async function addMasterKey(shell: Shell, options: PrintOptions & { from?: string }): Promise<number> {
  const { dataDir, masterKeyFile, masterKeys } = await readConfig(shell)
  if (masterKeyFile !== undefined || (masterKeys?.length ?? 0) > 0) {
    const where = masterKeyFile ?? 'COUNTERSIGN_MASTER_KEY'
    const make = 'openssl rand -base64 32'
    throw new Refusal(`this node's master keys come from ${where}: add a line there, made with ${make}`)
  }
  const keys = options.from ? await readKeys(shell, options.from) : [makeKey(systemRandom)]
  await makeDataDirectory(dataDir)
  const ids = await addToRingFile(dataDir, keys)
  const path = ringFile(dataDir)
  print(shell, options, { added: ids, file: path }, () => ids.map((id) => `${id}  added to ${path}`))
  if (ids.length === 0) shell.err('This node has these keys already.')
  else shell.err('Add it on every other node, then: countersign master-key activate <id>')
  return 0
}

async function readKeys({ cwd }: Shell, from: string): Promise<Buffer[]> {
  const path = resolve(cwd, from)
  const content = from === '-' ? await text(process.stdin) : await readFile(path, 'utf8').catch(refuse)
  function refuse(error: NodeJS.ErrnoException): never {
    throw new Refusal(
      `${path} cannot be read (${error.code}): give the key file of another node, or - for standard input`,
    )
  }
  return [...parseKeyRing(content.split(/[\s,]+/), from).values()]
}

/** From then on all nodes seal with it. */
export async function activateMasterKey(shell: Shell, options: PrintOptions, id: string): Promise<number> {
  const activated = await ask(await readConfig(shell), 'master-key-activate', { id })
  print(shell, options, activated, ({ id }) => [`${id}  seals`])
  shell.err('What older keys have sealed is sealed anew while the server runs: countersign master-key status')
  return 0
}

/** From then on this node does not have it. */
export async function retireMasterKey(shell: Shell, options: PrintOptions, id: string): Promise<number> {
  const retired = await ask(await readConfig(shell), 'master-key-retire', { id })
  print(shell, options, retired, ({ id }) => [`${id}  retired: nothing in the database needs it`])
  if (retired.from === 'setting') shell.err("This node's keys come from a setting: remove it there.")
  if (retired.nodes.length > 0) shell.err(`Nodes that had it when asked: ${retired.nodes.join(' ')}`)
  shell.err('Backups that were made before may need it: keep a copy with them.')
  return 0
}
