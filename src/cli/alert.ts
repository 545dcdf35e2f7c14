import { type ListOptions, printList } from './operation.ts'
import type { Shell } from './shell.ts'

/** Prints a line for each thing that went wrong, newest first. */
export async function listAlerts(
  shell: Shell,
  options: ListOptions & { level?: string; since?: string; until?: string },
): Promise<number> {
  const { level, since, until } = options
  await printList(shell, options, {
    path: '/v1/Alerts',
    key: 'alerts',
    columns: {
      DATE: 'date_created',
      LEVEL: 'log_level',
      CODE: 'error_code',
      ABOUT: 'resource_sid',
      TEXT: 'alert_text',
    },
    form: { LogLevel: level, StartDate: since, EndDate: until },
  })
  return 0
}
