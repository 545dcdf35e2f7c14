import { readCredentials } from '../server.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints the first account's sid and Auth Token. */
export async function showToken(shell: Shell): Promise<number> {
  const { accountSid, authToken } = await readCredentials(await readConfig(shell))
  shell.out(`TWILIO_ACCOUNT_SID=${accountSid}`)
  shell.out(`TWILIO_AUTH_TOKEN=${authToken}`)
  return 0
}
