import type { AdminResult } from '../operations/admin.ts'
import { ask } from './ask.ts'
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
  options: PrintOptions & { trial?: boolean },
  name: string,
): Promise<number> {
  const account = await ask(await readConfig(shell), 'account-create', {
    name,
    trial: options.trial ?? false,
  })
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

/** Prints a line a network from which an account may be used. */
export async function listAccess(shell: Shell, options: PrintOptions, account: string): Promise<number> {
  const entries = await ask(await readConfig(shell), 'account-access-list', { account })
  print(shell, options, entries, (list) =>
    table(
      ['SID', 'NETWORK', 'NAME'],
      list.map((entry) => [entry.sid, entry.cidr, entry.friendly_name]),
    ),
  )
  return 0
}

/** Removes them all: it may be used from everywhere. */
export async function clearAccess(shell: Shell, options: PrintOptions, account: string): Promise<number> {
  const cleared = await ask(await readConfig(shell), 'account-access-clear', { account })
  print(shell, options, cleared, ({ account_sid }) => [`${account_sid}  may be used from everywhere`])
  return 0
}
