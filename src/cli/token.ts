import { ask } from './ask.ts'
import type { AccountOptions } from './operation.ts'
import { print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints an account's sid and Auth Token, as lines that a shell can take. */
export async function showToken(shell: Shell, options: AccountOptions): Promise<number> {
  const shown = await ask(await readConfig(shell), 'token-show', { account: options.account })
  print(shell, options, shown, ({ account_sid, auth_token }) => [
    `TWILIO_ACCOUNT_SID=${account_sid}`,
    `TWILIO_AUTH_TOKEN=${auth_token}`,
  ])
  return 0
}

/** Makes the second token; with `finish` it becomes the only one, with `cancel` it goes. */
export async function rotateToken(
  shell: Shell,
  options: AccountOptions & { finish?: boolean; cancel?: boolean },
): Promise<number> {
  const step = options.finish ? 'finish' : options.cancel ? 'cancel' : 'start'
  const rotated = await ask(await readConfig(shell), 'token-rotate', { account: options.account, step })
  print(shell, options, rotated, (value) => [
    `TWILIO_ACCOUNT_SID=${value.account_sid}`,
    `TWILIO_AUTH_TOKEN=${'auth_token' in value ? value.auth_token : value.secondary_auth_token}`,
  ])
  if (step === 'start') {
    shell.err('Both tokens work. Give this one to your programs, then: countersign token rotate --finish')
  } else if ('change_setting' in rotated) {
    shell.err(`Change ${rotated.change_setting} as well: it names the old token, which opens nothing now.`)
  }
  return 0
}
