import { readFirst } from '../accounts/accounts/account.ts'
import { asOperator } from '../accounts/administer.ts'
import { audit } from '../accounts/audit/audit.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../refusal.ts'
import { removeFromRingFile } from '../storage/key-ring.ts'
import { activateKey, listLiveNodes, type Node, RESEAL_JOB } from '../storage/nodes.ts'
import { clearProgress, readProgress } from '../storage/progress.ts'
import { countSealed } from '../storage/reseal.ts'
import { sealedColumns } from './sealed-columns.ts'

// Rotation of the key that seals: add it on every node → activate → all is sealed anew → retire the old one.

/** Which keys there are, which one seals, how many values each has sealed, and which nodes hold it. */
export async function showMasterKeys(ctx: Context) {
  await ctx.node.renew()
  const nodes = await listLiveNodes(ctx.storage)
  const ids = new Set([...ctx.vault.keyIds, ...nodes.flatMap(({ keyIds }) => keyIds)])
  const keys = []
  for (const id of ids) {
    keys.push({
      id,
      active: id === ctx.vault.activeKeyId,
      sealed: await countAll(ctx, id),
      held_here: ctx.vault.keyIds.includes(id),
      nodes: nodes.filter(({ keyIds }) => keyIds.includes(id)).map(nameOf),
    })
  }
  return { keys, nodes: nodes.map(nameOf), from: sourceOf(ctx) }
}

/** From the answer on this key seals; what the others have sealed is sealed anew while the nodes serve. */
export async function activateMasterKey(ctx: Context, { id }: { id: string }) {
  await ctx.node.renew()
  if (!ctx.vault.keyIds.includes(id)) throw new Refusal(`this node has no master key ${id}: add it first`)
  const lacking = await activateKey(ctx.storage, id)
  if (lacking.length > 0) {
    const names = lacking.map(nameOf).join(', ')
    throw new Refusal(
      `these nodes have not reported master key ${id}: ${names}. Add it there, and wait 5 seconds`,
    )
  }
  await ctx.node.renew()
  await auditKey(ctx, 'master-key.activated', id)
  return { id }
}

/**
 * Drops a key from this node's ring, once nothing that is kept needs it any more. Resolves to the nodes that still
 * hold it, and whether this one's keys come from a setting, which only the operator can change.
 */
export async function retireMasterKey(ctx: Context, { id }: { id: string }) {
  await ctx.node.renew()
  const { system } = ctx.storage
  const active = ctx.vault.activeKeyId
  if (id === active) throw new Refusal(`master key ${id} is the one that seals: activate another one first`)
  const nodes = await listLiveNodes(ctx.storage)
  const behind = nodes.filter(({ activeKeyId }) => activeKeyId !== active)
  if (behind.length > 0) {
    const names = behind.map(nameOf).join(', ')
    throw new Refusal(`these nodes do not seal with master key ${active} yet: ${names}. Wait 5 seconds`)
  }
  const sealed = await countAll(ctx, id)
  const isDone = (await readProgress(system.read, RESEAL_JOB, active)) !== undefined
  if (sealed > 0 || !isDone) {
    // A value that came late: the work begins anew.
    if (isDone) await system.write((tx) => clearProgress(tx, RESEAL_JOB))
    throw new Refusal(
      `${sealed} values are still sealed with master key ${id}; a server that runs seals them anew, wait for it`,
    )
  }
  const source = sourceOf(ctx)
  if (source === 'file') {
    await removeFromRingFile(ctx.config.dataDir, id)
    await ctx.node.renew()
  }
  await auditKey(ctx, 'master-key.retired', id)
  const holding = nodes.filter(({ keyIds }) => keyIds.includes(id))
  return { id, from: source, nodes: holding.map(nameOf) }
}

/** Where this node's keys come from: its own file, or a setting. */
const sourceOf = ({ config }: Context) =>
  config.masterKeyFile !== undefined || (config.masterKeys?.length ?? 0) > 0 ? 'setting' : 'file'

async function auditKey(ctx: Context, type: string, id: string): Promise<void> {
  const operator = asOperator((await readFirst(ctx)).sid)
  await ctx.storage.system.write((tx) =>
    audit(ctx, tx, operator, { type, resource: 'master-key', sid: id, data: {} }),
  )
}

const nameOf = ({ host, id }: Node) => `${host}/${id}`

async function countAll(ctx: Context, keyId: string): Promise<number> {
  let count = 0
  for (const column of sealedColumns(ctx)) count += await countSealed(ctx.storage, column, keyId)
  return count
}
