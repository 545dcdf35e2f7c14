import { stat } from 'node:fs/promises'
import { readFirst } from '../accounts/accounts/account.ts'
import { asOperator } from '../accounts/administer.ts'
import { audit, type Change } from '../accounts/audit/audit.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../refusal.ts'
import { listKeyIds } from '../storage/sqlite-backup.ts'
import { sealedColumns } from './sealed-columns.ts'

const asEvent = (what: string, data: Change['data']): Change => ({
  type: `backup.${what}`,
  resource: 'backup',
  sid: '',
  data,
})

/** Writes the database, as it is at one instant, into a file that is not there yet; it serves meanwhile. */
export async function backUp(ctx: Context, { path }: { path: string }) {
  if (!ctx.storage.backup)
    throw new Refusal('this is for SQLite: back PostgreSQL up with pg_dump, docs/backup.md')
  const startedAtMs = ctx.clock.now()
  await ctx.storage.backup(path)
  const { size } = await stat(path)
  const keyIds = await listKeyIds(path, sealedColumns(ctx))
  const operator = asOperator((await readFirst(ctx)).sid)
  const change = asEvent('created', { sealed_with: keyIds })
  await ctx.storage.system.write((tx) => audit(ctx, tx, operator, change))
  return { path, bytes: size, ms: ctx.clock.now() - startedAtMs, sealed_with: keyIds }
}

/** In the database that is restored: its events go on with when that was, and where what was there is kept. */
export async function noteRestore(ctx: Context, { from, kept }: { from: string; kept: string | null }) {
  const operator = asOperator((await readFirst(ctx)).sid)
  await ctx.storage.system.write((tx) => audit(ctx, tx, operator, asEvent('restored', { from, kept })))
  return {}
}
