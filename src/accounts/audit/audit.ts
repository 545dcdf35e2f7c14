import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import { insertEvent } from './store.ts'

/** What happened to what. `data` holds what changed, and never a secret. */
export interface Change {
  /** `service.created`, `api-key.deleted` … */
  type: string
  resource: string
  sid: string
  data: Record<string, unknown>
}

/** Who did it: a caller, or whoever a refused log-in came from. */
export interface Actor {
  accountSid: string
  /** Empty where nobody said who. */
  actorSid: string
  actorType: Caller['actorType'] | 'server' | 'unknown'
  sourceIp: string
}

/** What the server does of its own accord. */
export const asServer = (accountSid: string): Actor => ({
  accountSid,
  actorSid: '',
  actorType: 'server',
  sourceIp: '',
})

export interface AuditEvent extends Actor {
  sid: string
  type: string
  resourceType: string
  resourceSid: string
  /** JSON, letter by letter what `rowMac` was made of. */
  data: string
  source: 'api' | 'cli' | 'server'
  createdAtMs: number
}

/** Writes a change down in its own transaction: there is no change without its event, and no event without it. */
export function audit(ctx: Context, tx: Tx, actor: Actor, change: Change): Promise<number> {
  const now = ctx.clock.now()
  const event: AuditEvent = {
    sid: newSid('AE', 0, now, ctx.random),
    accountSid: actor.accountSid,
    actorSid: actor.actorSid,
    actorType: actor.actorType,
    sourceIp: actor.sourceIp,
    type: change.type,
    resourceType: change.resource,
    resourceSid: change.sid,
    data: JSON.stringify(change.data),
    source: sourceOf(actor),
    createdAtMs: now,
  }
  return insertEvent(tx, event, rowMac(ctx, event))
}

function sourceOf({ actorType }: Actor): AuditEvent['source'] {
  if (actorType === 'operator') return 'cli'
  return actorType === 'server' ? 'server' : 'api'
}

/** What differs, as an event tells it: by name, what it was and what it is. */
export function differences<T extends object>(before: T, after: T): Record<string, unknown> {
  const changed = (Object.keys(after) as (keyof T)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  )
  return Object.fromEntries(
    changed.map((name) => [name, { previous: before[name] ?? null, updated: after[name] ?? null }]),
  )
}

/** Made with the event, before any seal: who can write to the database but has no key cannot make an event. */
export const rowMac = ({ hash }: Pick<Context, 'hash'>, e: AuditEvent): Buffer =>
  hash(
    'audit event',
    e.sid,
    e.accountSid,
    e.actorSid,
    e.actorType,
    e.type,
    e.resourceType,
    e.resourceSid,
    e.data,
    e.source,
    e.sourceIp,
    String(e.createdAtMs),
  )

/** A place in the chain: its number, and the MAC that stands for all events up to it. */
export interface Link {
  n: number
  mac: Uint8Array
}

/** Before the first event. */
export const genesis = ({ hash }: Pick<Context, 'hash'>): Link => ({ n: 0, mac: hash('audit genesis') })

export function nextLink({ hash }: Pick<Context, 'hash'>, last: Link, mac: Uint8Array): Link {
  const n = last.n + 1
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return { n, mac: hash('audit link', String(n), hex(last.mac), hex(mac)) }
}

/** `17:9f3c…`, as it is logged, printed and given back to `audit verify`. */
export const formatLink = ({ n, mac }: Link) => `${n}:${Buffer.from(mac).toString('hex')}`
