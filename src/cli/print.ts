import type { Shell } from './shell.ts'

export interface PrintOptions {
  json?: boolean
}

/** Writes what a command found out: as JSON where `--json` asks for it, else as the given lines. */
export function print<T>(
  shell: Shell,
  { json }: PrintOptions,
  value: T,
  lines: (value: T) => string[],
): void {
  if (json) shell.out(escapeControls(JSON.stringify(value, null, 2)))
  else for (const line of lines(value)) shell.out(withoutControls(line))
}

/** Names come from tenants: on the operator's terminal none moves the cursor, begins a line or turns its direction. */
export const withoutControls = (line: string) => line.replace(/\p{C}/gu, '\ufffd')

/** The same for JSON, which escapes some of them itself; it means what it meant. */
export const escapeControls = (json: string) =>
  json.replace(/[^\P{C}\n]/gu, (text) => text.split('').map(escapeUnit).join(''))

const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Rows in columns as wide as their widest cell; with its head, or nothing where there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
