import { stat } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { Refusal } from '../refusal.ts'

/** Writes the database, as it is at one instant, into a file that is not there yet; it serves meanwhile. */
export async function backUp(ctx: Context, { path }: { path: string }) {
  if (!ctx.storage.backup)
    throw new Refusal('this is for SQLite: back PostgreSQL up with pg_dump, docs/backup.md')
  const startedAtMs = ctx.clock.now()
  await ctx.storage.backup(path)
  const { size } = await stat(path)
  const { activeKeyId } = ctx.vault
  return { path, bytes: size, ms: ctx.clock.now() - startedAtMs, sealed_with: activeKeyId }
}
