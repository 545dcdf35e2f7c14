import { readFirst } from '../../accounts/accounts/account.ts'
import { asOperator } from '../../accounts/administer.ts'
import type { Context } from '../../context.ts'
import { createService, type Service } from './service.ts'
import { listServices } from './store.ts'

// What the operator of an installation does with the services of the first account.

const PAGE = 1_000

const describe = ({ sid, settings }: Service) => ({ sid, friendly_name: settings.friendly_name })

/** All of them, newest first. */
export async function listFirstServices(ctx: Context) {
  const { sid: account } = await readFirst(ctx)
  const all: Service[] = []
  for (;;) {
    const last = all.at(-1)
    const cursor = last && { direction: 'after' as const, sid: last.sid, createdAtMs: last.createdAtMs }
    const page = await listServices(ctx.storage.read, account, { cursor, limit: PAGE })
    all.push(...page)
    if (page.length < PAGE) return all.map(describe)
  }
}

/** Throws what the API would. */
export async function createFirstService(ctx: Context, { name }: { name: string }) {
  const { sid } = await readFirst(ctx)
  return describe(await createService(ctx, asOperator(sid), { FriendlyName: name }))
}
