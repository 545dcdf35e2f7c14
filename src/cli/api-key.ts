import type { AdminInput } from '../operations/admin.ts'
import { ask } from './ask.ts'
import { type PrintOptions, print, table } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

interface Options extends PrintOptions {
  account?: string
}

/** Prints a line a key, newest first. */
export async function listApiKeys(shell: Shell, options: Options): Promise<number> {
  const keys = await ask(await readConfig(shell), 'api-key-list', { account: options.account })
  print(shell, options, keys, (list) =>
    table(
      ['SID', 'KIND', 'CREATED', 'NAME'],
      list.map((key) => [key.sid, key.kind, key.date_created, key.friendly_name]),
    ),
  )
  return 0
}

/** Makes a key and prints it as the lines that a shell can take; its secret is not shown again. */
export async function createApiKey(
  shell: Shell,
  options: Options & { kind: AdminInput<'api-key-create'>['kind']; policy?: string },
  name: string,
): Promise<number> {
  const { account, kind, policy } = options
  const input = { account, name, kind, ...(policy !== undefined && { policy }) }
  const key = await ask(await readConfig(shell), 'api-key-create', input)
  print(shell, options, key, ({ sid, secret, account_sid }) => [
    `TWILIO_ACCOUNT_SID=${account_sid}`,
    `TWILIO_API_KEY=${sid}`,
    `TWILIO_API_SECRET=${secret}`,
  ])
  return 0
}

/** From then on the key opens nothing, on any node. */
export async function deleteApiKey(shell: Shell, options: Options, sid: string): Promise<number> {
  const deleted = await ask(await readConfig(shell), 'api-key-delete', { account: options.account, sid })
  print(shell, options, deleted, ({ sid }) => [`${sid}  deleted`])
  return 0
}
