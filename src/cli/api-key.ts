import type { AdminInput } from '../operations/admin.ts'
import { ask } from './ask.ts'
import type { AccountOptions } from './operation.ts'
import { print, table } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints a line a key, newest first. */
export async function listApiKeys(shell: Shell, options: AccountOptions): Promise<number> {
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
  options: AccountOptions & { kind: AdminInput<'api-key-create'>['kind']; policy?: string },
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

/** A new name, or a new policy: that counts from the next request on. */
export async function updateApiKey(
  shell: Shell,
  options: AccountOptions & { name?: string; policy?: string },
  sid: string,
): Promise<number> {
  const { account, name, policy } = options
  const input = { account, sid, ...(name !== undefined && { name }), ...(policy !== undefined && { policy }) }
  const key = await ask(await readConfig(shell), 'api-key-update', input)
  print(shell, options, key, ({ sid, friendly_name, policy }) => [
    `${sid}  ${friendly_name}`,
    ...(policy?.allow ?? []),
  ])
  return 0
}

/** From then on the key opens nothing, on any node. */
export async function deleteApiKey(shell: Shell, options: AccountOptions, sid: string): Promise<number> {
  const deleted = await ask(await readConfig(shell), 'api-key-delete', { account: options.account, sid })
  print(shell, options, deleted, ({ sid }) => [`${sid}  deleted`])
  return 0
}
