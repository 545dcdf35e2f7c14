import type { Context } from '../../context.ts'
import { Refusal } from '../../refusal.ts'
import { sidFloor } from '../../storage/sid.ts'
import { formatLink, genesis, type Link } from './audit.ts'
import { listAllEvents, readHead } from './store.ts'
import { type Verdict, verifyAudit } from './verify.ts'

const MAX_PAGE = 1_000

/** The head of the chain, to be kept elsewhere. */
export async function showHead(ctx: Context): Promise<{ head: string }> {
  return { head: formatLink((await readHead(ctx.storage.system.read)) ?? genesis(ctx)) }
}

/** Throws Refusal for a head that is none. */
export async function verify(ctx: Context, { head }: { head?: string | undefined }): Promise<Verdict> {
  return verifyAudit(ctx, head === undefined ? {} : { head: parseLink(head) })
}

function parseLink(text: string): Link {
  const [, n, mac] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? []
  if (n === undefined || mac === undefined)
    throw new Refusal(`not a head of the audit log: ${text}; it is a number, a colon and 64 hex digits`)
  return { n: Number(n), mac: Buffer.from(mac, 'hex') }
}

export interface ExportedEvent {
  sid: string
  account_sid: string
  actor_sid: string
  actor_type: string
  event_type: string
  resource_type: string
  resource_sid: string
  event_data: unknown
  event_date: string
  source: string
  source_ip_address: string
  n: number | null
  mac: string | null
}

/** A page of the events of all accounts, oldest first: those after a sid, or since a time in ms; at most 1,000. */
export async function exportEvents(
  ctx: Context,
  { after, sinceMs }: { after?: string | undefined; sinceMs?: number | undefined },
): Promise<ExportedEvent[]> {
  const from = after ?? sidFloor('AE', 0, sinceMs ?? 0)
  const events = await listAllEvents(ctx.storage.system.scan, from, MAX_PAGE)
  return events.map(({ event, n, mac }) => ({
    sid: event.sid,
    account_sid: event.accountSid,
    actor_sid: event.actorSid,
    actor_type: event.actorType,
    event_type: event.type,
    resource_type: event.resourceType,
    resource_sid: event.resourceSid,
    event_data: JSON.parse(event.data),
    event_date: new Date(event.createdAtMs).toISOString(),
    source: event.source,
    source_ip_address: event.sourceIp,
    n,
    mac: mac && Buffer.from(mac).toString('hex'),
  }))
}
