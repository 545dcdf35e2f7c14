import { dateMs, isRealDate } from '../http/schema.ts'
import { Refusal } from '../refusal.ts'
import { ask } from './ask.ts'
import { escapeControls, type PrintOptions, print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Prints the head of the chain. */
export async function showHead(shell: Shell, options: PrintOptions): Promise<number> {
  print(shell, options, await ask(await readConfig(shell), 'audit-head', undefined), ({ head }) => [head])
  return 0
}

/** Checks the chain, and that it holds a head that was kept; status 1 where something is wrong. */
export async function verifyAudit(shell: Shell, options: PrintOptions & { head?: string }): Promise<number> {
  const verdict = await ask(await readConfig(shell), 'audit-verify', { head: options.head })
  const { sealed, open, head, problems } = verdict
  print(shell, options, verdict, () => [
    ...problems,
    `${sealed} events in the chain, ${open} wait for their seal: ${problems.length === 0 ? 'all is well' : 'NOT as written'}`,
    `head ${head}`,
  ])
  return problems.length === 0 ? 0 : 1
}

/** Prints the events of all accounts, oldest first, one line of JSON each: with `--json` no differently. */
export async function exportAudit(shell: Shell, options: PrintOptions & { since?: string }): Promise<number> {
  const config = await readConfig(shell)
  if (options.since !== undefined && !isRealDate(options.since))
    throw new Refusal(`not a date: ${options.since}; give it as 2026-11-20 or 2026-11-20T12:00:00Z`)
  const sinceMs = dateMs(options.since)
  let after: string | undefined
  for (;;) {
    const events = await ask(config, 'audit-export', { after, sinceMs })
    for (const event of events) shell.out(escapeControls(JSON.stringify(event)))
    after = events.at(-1)?.sid
    if (after === undefined) return 0
  }
}
