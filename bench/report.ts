import type { AuthenticationRow } from './authentication.ts'
import type { BackupRow } from './backup.ts'
import type { FunctionsResult } from './functions.ts'
import type { AttackRow } from './under-attack.ts'

/** What was measured of one server on one database. Medians of rounds; shares are medians of each round's share. */
export interface Row {
  name: string
  /** Verifications and attempts that were there before. */
  rows: number
  createPerSecond: number
  checkPerSecond?: number
  rawPerSecond: number
  createOfRaw: number
  checkOfRaw?: number
  createOfPgbench?: number
  checkOfPgbench?: number
  /** At half of the load above. */
  createP50Ms?: number
  createP99Ms?: number
  checkP50Ms?: number
  checkP99Ms?: number
  memoryMb?: number
  rounds: object[]
}

const whole = (value: number | undefined) =>
  value === undefined ? '–' : Math.round(value).toLocaleString('en')
const percent = (value: number | undefined) => (value === undefined ? '–' : `${(value * 100).toFixed(0)} %`)
const ms = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(1))

function print(head: string[], lines: string[][]): void {
  console.log()
  for (const line of [head, head.map(() => '---'), ...lines]) console.log(`| ${line.join(' | ')} |`)
}

export function printStart(starts: { name: string; healthMs: number; operationMs: number }[]): void {
  print(
    ['start to first 200, ms', '`/healthz`', 'an operation'],
    starts.map(({ name, healthMs, operationMs }) => [name, whole(healthMs), whole(operationMs)]),
  )
}

export function printTable(rows: Row[]): void {
  print(
    [
      '',
      'rows',
      'create/s',
      'of raw',
      'of pgbench',
      'check/s',
      'of raw',
      'of pgbench',
      'create p50, p99 ms',
      'check p50, p99 ms',
      'MB',
    ],
    rows.map((row) => [
      row.name,
      whole(row.rows),
      whole(row.createPerSecond),
      percent(row.createOfRaw),
      percent(row.createOfPgbench),
      whole(row.checkPerSecond),
      percent(row.checkOfRaw),
      percent(row.checkOfPgbench),
      `${ms(row.createP50Ms)}, ${ms(row.createP99Ms)}`,
      `${ms(row.checkP50Ms)}, ${ms(row.checkP99Ms)}`,
      whole(row.memoryMb),
    ]),
  )
}

export function printAuthentication(rows: AuthenticationRow[]): void {
  print(
    [
      'of the speed without authentication',
      'create',
      'check',
      'both',
      'both, by processor time',
      'processor of both, µs',
      'without authentication',
    ],
    rows.map((row) => [
      row.name,
      percent(row.createOfUnchecked),
      percent(row.checkOfUnchecked),
      percent(row.pairOfUnchecked),
      percent(row.pairOfUncheckedByProcessor),
      whole(row.pairMicros),
      whole(row.pairMicrosUnchecked),
    ]),
  )
}

export function printBackup(rows: BackupRow[]): void {
  print(
    ['create at 500/s', 'rows', 'p50, p99 ms', 'during backups', 'a backup, MB', 'ms'],
    rows.map(({ rows, quiet, during, backupMb, backupMs }) => [
      'sqlite',
      whole(rows),
      `${ms(quiet.p50Ms)}, ${ms(quiet.p99Ms)}`,
      `${ms(during.p50Ms)}, ${ms(during.p99Ms)}`,
      whole(backupMb),
      whole(backupMs),
    ]),
  )
}

export function printFunctions(result: FunctionsResult & { attacks: AttackRow[] }): void {
  const { warm, starts, memory, attacks } = result
  print(
    [
      '',
      'by',
      'connections',
      'requests/s',
      'of bare',
      'p50, p99 ms',
      'over one connection',
      'processor: server, children, µs',
    ],
    warm.map((row) => [
      row.program,
      row.by,
      whole(row.connections),
      whole(row.perSecond),
      percent(row.ofBare),
      `${ms(row.p50Ms)}, ${ms(row.p99Ms)}`,
      `${row.aloneP50Ms.toFixed(3)}, ${row.aloneP99Ms.toFixed(3)}`,
      `${whole(row.serverMicros)}, ${whole(row.childMicros)}`,
    ]),
  )
  print(
    ['cold start', 'ms', 'a bare server, ms'],
    starts.map(({ program, ms, bareMs }) => [program, whole(ms), whole(bareMs)]),
  )
  print(
    ['MB at 64 connections: server', 'children', 'their MB'],
    [[whole(memory.serverMb), whole(memory.children), whole(memory.childrenMb)]],
  )
  print(
    ['creates while attacked by', 'of those alone', 'creates/s', 'alone', 'MB of children at most'],
    attacks.map((row) => [
      row.by,
      percent(row.createOfQuiet),
      whole(row.underAttackPerSecond),
      whole(row.quietPerSecond),
      whole(row.childrenMb),
    ]),
  )
}
