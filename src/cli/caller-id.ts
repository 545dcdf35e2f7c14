import {
  type AccountOptions,
  type ListOptions,
  operate,
  operateRunning,
  printList,
  remove,
} from './operation.ts'
import { print } from './print.ts'
import type { Shell } from './shell.ts'

const CALLER_IDS = '/2010-04-01/Accounts/:AccountSid/OutgoingCallerIds'

/** Prints a line a number that is proved to be the account's own. */
export async function listCallerIds(shell: Shell, options: ListOptions): Promise<number> {
  await printList(shell, options, {
    path: CALLER_IDS,
    key: 'outgoing_caller_ids',
    columns: { SID: 'sid', NUMBER: 'phone_number', NAME: 'friendly_name' },
  })
  return 0
}

/** Has the number told a code, which `confirm` takes. */
export async function validateCallerId(
  shell: Shell,
  options: AccountOptions & { name?: string; extension?: string },
  number: string,
): Promise<number> {
  const form = { PhoneNumber: number, FriendlyName: options.name, Extension: options.extension }
  const request = { method: 'POST', path: CALLER_IDS, account: options.account, form } as const
  const asked = await operateRunning(shell, request, 'only a server can send a code')
  print(shell, options, asked, ({ phone_number }) => [`${phone_number}  is told a code`])
  shell.err(`Then: countersign caller-id confirm ${asked.phone_number} <code>`)
  return 0
}

/** Proves the number by the code that it was told. */
export async function confirmCallerId(
  shell: Shell,
  options: AccountOptions,
  number: string,
  code: string,
): Promise<number> {
  const proved = await operate(shell, {
    method: 'POST',
    path: '/v1/CallerIdConfirmations',
    account: options.account,
    form: { PhoneNumber: number, Code: code },
  })
  print(shell, options, proved, ({ sid, phone_number }) => [`${sid}  ${phone_number}`])
  return 0
}

export const deleteCallerId = (shell: Shell, options: AccountOptions, sid: string) =>
  remove(shell, options, CALLER_IDS, sid)
