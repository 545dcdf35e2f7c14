import { stat } from 'node:fs/promises'
import { readFirst } from '../accounts/accounts/account.ts'
import { asOperator } from '../accounts/administer.ts'
import { audit } from '../accounts/audit/audit.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../refusal.ts'
import { listKeyIds } from '../storage/sqlite-backup.ts'
import { sealedColumns } from './sealed-columns.ts'

/** Writes the database, as it is at one instant, into a file that is not there yet; it serves meanwhile. */
export async function backUp(ctx: Context, { path }: { path: string }) {
  if (!ctx.storage.backup)
    throw new Refusal('this is for SQLite: back PostgreSQL up with pg_dump, docs/backup.md')
  const startedAtMs = ctx.clock.now()
  await ctx.storage.backup(path)
  const { size } = await stat(path)
  const keyIds = await listKeyIds(path, sealedColumns(ctx))
  const operator = asOperator((await readFirst(ctx)).sid)
  const change = { type: 'backup.created', resource: 'backup', sid: '', data: { sealed_with: keyIds } }
  await ctx.storage.system.write((tx) => audit(ctx, tx, operator, change))
  return { path, bytes: size, ms: ctx.clock.now() - startedAtMs, sealed_with: keyIds }
}
