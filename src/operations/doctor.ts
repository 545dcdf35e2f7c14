import { readFirst } from '../accounts/accounts/account.ts'
import type { Context } from '../context.ts'
import { examineOwnClock } from './examine-own-clock.ts'
import { showMasterKeys } from './master-key.ts'

/** What was looked at, how it is, and what to do where it is not well. */
export interface Finding {
  what: string
  /** `problem`: it does not work, or not safely. */
  state: 'ok' | 'warning' | 'problem'
  detail: string
  advice?: string
}

/** Further off, the node takes itself out of service. */
const MAX_SKEW_MS = 2_000

/** The part of `doctor` that only who has the database open can see. */
export async function examine(ctx: Context): Promise<Finding[]> {
  return [
    ...(await examineDatabase(ctx)),
    await examineFirstAccount(ctx),
    await examineKeys(ctx),
    ...examineCarriers(ctx),
  ]
}

async function examineDatabase({ storage, clock }: Context): Promise<Finding[]> {
  const sentMs = clock.now()
  const theirs = await storage.ping()
  const tookMs = clock.now() - sentMs
  const database: Finding = {
    what: 'database',
    state: tookMs > 100 ? 'warning' : 'ok',
    detail: `${storage.engine === 'sqlite' ? 'SQLite' : 'PostgreSQL'} answers in ${tookMs} ms`,
    ...(tookMs > 100 && { advice: 'each request asks it several times: bring it nearer' }),
  }
  if (storage.engine === 'sqlite') return [database, await examineOwnClock(sentMs)]
  const skewMs = Math.round(theirs - (sentMs + tookMs / 2))
  const isOff = Math.abs(skewMs) > MAX_SKEW_MS
  return [
    database,
    {
      what: 'clock',
      state: isOff ? 'problem' : 'ok',
      detail: `${skewMs} ms off the database's`,
      ...(isOff && { advice: 'have both machines keep their time by NTP' }),
    },
  ]
}

async function examineFirstAccount(ctx: Context): Promise<Finding> {
  const { sid, status } = await readFirst(ctx)
  const what = 'first account'
  if (status === 'active') return { what, state: 'ok', detail: sid }
  const advice = status === 'suspended' ? `countersign account activate ${sid}` : 'closing is final'
  return { what, state: 'problem', detail: `${sid} is ${status}: its requests are refused`, advice }
}

async function examineKeys(ctx: Context): Promise<Finding> {
  const { keys, nodes } = await showMasterKeys(ctx)
  const lacking = keys.filter(({ active, nodes: having }) => active && having.length < nodes.length)
  const isAlone = ctx.vault.keyIds.includes(ctx.vault.activeKeyId)
  if (!isAlone || lacking.length > 0) {
    return {
      what: 'master key',
      state: 'problem',
      detail: `not every node has ${ctx.vault.activeKeyId}, which seals`,
      advice: 'countersign master-key status shows which; add it there',
    }
  }
  const old = keys.filter(({ active, sealed }) => !active && sealed > 0)
  return {
    what: 'master key',
    state: 'ok',
    detail:
      old.length === 0
        ? `all is sealed with ${ctx.vault.activeKeyId}`
        : `${ctx.vault.activeKeyId} seals; what ${old.map(({ id }) => id).join(', ')} sealed is being sealed anew`,
  }
}

const STATES = { up: 'ok', degraded: 'warning', down: 'problem' } as const

function examineCarriers({ providers }: Context): Finding[] {
  return [...providers].map(([id, provider]) => {
    const { state, detail } = provider.health()
    return {
      what: `carrier ${id}`,
      state: STATES[state],
      detail: detail ? `${state}: ${detail}` : state,
      ...(state !== 'up' && { advice: `look for its name in the server's log` }),
    }
  })
}
