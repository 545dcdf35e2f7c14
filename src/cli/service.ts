import { ask } from './ask.ts'
import { type PrintOptions, print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints a line a Verify service: its sid and its name. */
export async function listServices(shell: Shell, options: PrintOptions): Promise<number> {
  const services = await ask(await readConfig(shell), 'service-list', undefined)
  print(shell, options, services, (list) => list.map(({ sid, friendly_name }) => `${sid}  ${friendly_name}`))
  return 0
}

/** Makes a Verify service and prints its sid. */
export async function createService(shell: Shell, options: PrintOptions, name: string): Promise<number> {
  const service = await ask(await readConfig(shell), 'service-create', { name })
  print(shell, options, service, ({ sid }) => [sid])
  return 0
}
