import { Clause, type Storage, sql, where } from './storage.ts'
import { type KeyedVault, sealedPrefix } from './vault.ts'

/** A column that holds sealed values. */
export interface SealedColumn {
  table: string
  column: string
  /** What its rows are found by. */
  key: 'sid' | 'id'
  /** Whether its rows lie in placements. */
  placed?: true
  /** Further columns that the context is made of. */
  of?: readonly string[]
  /** Where a value lives: what it was sealed with. */
  context(row: Record<string, string>): string
  /** Where nodes keep the row by its revision, which has to move on; told of the row after the commit. */
  revised?: (sid: string) => void
}

/** So that no unit of work keeps others waiting. */
const BITE = 100

const raw = (text: string) => new Clause([text], [])

const sealedWith = ({ column }: SealedColumn, keyId: string) =>
  sql`substr(${raw(column)}, 1, 5) = ${sealedPrefix(keyId)}`

/** How many values a key has sealed. Reads the whole table, off the main thread on SQLite. */
export async function countSealed({ system }: Storage, at: SealedColumn, keyId: string): Promise<number> {
  const row = await system.scan.get<{ count: number }>`
    select count(*) as count from ${raw(at.table)} where ${sealedWith(at, keyId)}`
  return row?.count ?? 0
}

/**
 * Seals anew, with the key that the vault seals with, what another one sealed: in bites, off the hot path. A value
 * that somebody changes meanwhile is left as they made it. `isStopped` is asked before each bite; done stays done.
 */
export async function resealColumn(
  storage: Storage,
  vault: KeyedVault,
  at: SealedColumn,
  placements: number,
  isStopped: () => boolean,
): Promise<void> {
  const [table, column, key] = [raw(at.table), raw(at.column), raw(at.key)]
  const revision = raw(at.revised ? ', revision = revision + 1' : '')
  for (let placement = 0; placement < (at.placed ? placements : 1); placement++) {
    const within = at.placed && sql`placement = ${placement}`
    let reached: string | number = at.key === 'id' ? 0 : ''
    while (!isStopped()) {
      const rows = await storage.system.scan.all<Record<string, string> & { sealed: Uint8Array }>`
        select ${raw([at.key, ...(at.of ?? [])].join(', '))}, ${column} as sealed from ${table} ${where([
          within,
          sql`${key} > ${reached}`,
          sql`${column} is not null`,
          sql`not ${sealedWith(at, vault.activeKeyId)}`,
        ])} order by ${key} limit ${BITE}`
      const renewed = rows.map((row) => {
        const context = at.context(row)
        return {
          id: row[at.key] ?? '',
          sealed: row.sealed,
          anew: vault.seal(vault.open(row.sealed, context), context),
        }
      })
      await storage.system.write(async (tx) => {
        for (const { id, sealed, anew } of renewed) {
          await tx.run`update ${table} set ${column} = ${anew}${revision}
            ${where([within, sql`${key} = ${id}`, sql`${column} = ${sealed}`])}`
        }
      })
      for (const { id } of renewed) at.revised?.(id)
      const last = renewed.at(-1)
      if (renewed.length < BITE || !last) break
      reached = last.id
    }
  }
}
