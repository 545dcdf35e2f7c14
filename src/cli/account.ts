import type { AdminResult } from '../operations/admin.ts'
import { ask } from './ask.ts'
import { type ListOptions, operate, printList, remove } from './operation.ts'
import { type PrintOptions, print, table } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints a line an account, oldest first. */
export async function listAccounts(shell: Shell, options: PrintOptions): Promise<number> {
  const accounts = await ask(await readConfig(shell), 'account-list', undefined)
  print(shell, options, accounts, (list) =>
    table(
      ['SID', 'STATUS', 'TYPE', 'PARENT', 'NAME'],
      list.map((a) => [a.sid, a.status, a.type, a.parent_sid ?? '-', a.friendly_name]),
    ),
  )
  return 0
}

/** Makes an account and prints its sid and Auth Token. */
export async function createAccount(
  shell: Shell,
  options: PrintOptions & { trial?: boolean; parent?: string },
  name: string,
): Promise<number> {
  const { trial = false, parent } = options
  const input = { name, trial, ...(parent !== undefined && { parent }) }
  const account = await ask(await readConfig(shell), 'account-create', input)
  print(shell, options, account, ({ sid, auth_token }) => [
    `TWILIO_ACCOUNT_SID=${sid}`,
    `TWILIO_AUTH_TOKEN=${auth_token}`,
  ])
  return 0
}

export const setAccountStatus =
  (status: AdminResult<'account-status'>['status']) =>
  async (shell: Shell, options: PrintOptions, account: string): Promise<number> => {
    const changed = await ask(await readConfig(shell), 'account-status', { account, status })
    print(shell, options, changed, ({ sid, status }) => [`${sid}  ${status}`])
    return 0
  }

/** Ends an account's trial. */
export async function upgradeAccount(shell: Shell, options: PrintOptions, account: string): Promise<number> {
  const changed = await ask(await readConfig(shell), 'account-upgrade', { account })
  print(shell, options, changed, ({ sid, type }) => [`${sid}  ${type}`])
  return 0
}

const ACCESS = '/v1/IpAccessLists'

/** Prints a line a network from which an account may be used. */
export async function listAccess(shell: Shell, options: ListOptions, account: string): Promise<number> {
  await printList(
    shell,
    { ...options, account },
    { path: ACCESS, key: 'ip_access_lists', columns: { SID: 'sid', NETWORK: 'cidr', NAME: 'friendly_name' } },
  )
  return 0
}

/** From then on the account may be used from there, and from its other networks, only. */
export async function addAccess(
  shell: Shell,
  options: PrintOptions & { name?: string },
  account: string,
  network: string,
): Promise<number> {
  const form = { Cidr: network, FriendlyName: options.name }
  const entry = await operate(shell, { method: 'POST', path: ACCESS, account, form })
  print(shell, options, entry, ({ sid, cidr }) => [`${sid}  ${cidr}`])
  return 0
}

/** Without its last network it may be used from everywhere. */
export const removeAccess = (shell: Shell, options: PrintOptions, account: string, sid: string) =>
  remove(shell, { ...options, account }, ACCESS, sid)

/** Removes them all: it may be used from everywhere. */
export async function clearAccess(shell: Shell, options: PrintOptions, account: string): Promise<number> {
  const cleared = await ask(await readConfig(shell), 'account-access-clear', { account })
  print(shell, options, cleared, ({ account_sid }) => [`${account_sid}  may be used from everywhere`])
  return 0
}
