import type { Static } from 'typebox'
import { dateOrTime, isoSeconds, nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { type Urls, urlsOfProduct } from '../../http/urls.ts'
import type { AuditEvent } from './audit.ts'

export const EventQuery = Type.Object({
  ActorSid: optional(Type.String()),
  EventType: optional(Type.String()),
  ResourceSid: optional(Type.String()),
  SourceIpAddress: optional(Type.String()),
  StartDate: optional(dateOrTime),
  EndDate: optional(dateOrTime),
  ...pageQuery,
})

const text = nullable(Type.String())

export const EventWire = Type.Object({
  sid: sid('AE'),
  account_sid: sid('AC'),
  actor_sid: text,
  actor_type: text,
  description: text,
  event_data: Type.Unknown(),
  event_date: Type.String(),
  event_type: Type.String(),
  resource_sid: text,
  resource_type: Type.String(),
  source: Type.String(),
  source_ip_address: text,
  url: Type.String(),
  links: Type.Object({ actor: text, resource: text }),
})

/** What the server itself did is `twilio` to the libraries' users, as theirs is. */
const SOURCES: Record<AuditEvent['source'], string> = { api: 'api', cli: 'cli', server: 'twilio' }

export function toEventWire(e: AuditEvent, urls: Urls): Static<typeof EventWire> {
  return {
    sid: e.sid,
    account_sid: e.accountSid,
    actor_sid: sidOrNull(e.actorSid),
    actor_type: e.actorType,
    description: null,
    event_data: JSON.parse(e.data),
    event_date: isoSeconds(e.createdAtMs),
    event_type: e.type,
    resource_sid: sidOrNull(e.resourceSid),
    resource_type: e.resourceType,
    source: SOURCES[e.source],
    source_ip_address: e.sourceIp || null,
    url: `${urls.base}/v1/Events/${e.sid}`,
    links: {
      actor: addressOf(e.accountSid, e.actorSid, urls),
      resource: addressOf(e.accountSid, e.resourceSid, urls),
    },
  }
}

/** A master key has no sid, nor has the server. */
const sidOrNull = (text: string) => (/^[A-Z]{2}[0-9a-f]{32}$/i.test(text) ? text : null)

/** Where a sid of an account is fetched; null for what has no address of its own. */
function addressOf(accountSid: string, sid: string, urls: Urls): string | null {
  const account = `${urlsOfProduct(urls, 'api').base}/2010-04-01/Accounts/${accountSid}`
  const addresses: Record<string, string> = {
    AC: `${urlsOfProduct(urls, 'api').base}/2010-04-01/Accounts/${sid}`,
    SK: `${account}/Keys/${sid}`,
    PN: `${account}/OutgoingCallerIds/${sid}`,
    UT: `${account}/Usage/Triggers/${sid}`,
    VA: `${urlsOfProduct(urls, 'verify').base}/v2/Services/${sid}`,
  }
  return addresses[sid.slice(0, 2)] ?? null
}
