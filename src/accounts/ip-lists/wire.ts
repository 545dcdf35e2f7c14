import type { Static } from 'typebox'
import { friendlyName, isoSeconds, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import type { IpAccessList } from './ip-list.ts'

export const PATH = '/v1/IpAccessLists'

const force = optional(Type.Boolean())

export const CreateBody = Type.Object({
  FriendlyName: optional(friendlyName),
  Cidr: Type.String(),
  Force: force,
})
export const UpdateBody = Type.Object({
  FriendlyName: optional(friendlyName),
  Cidr: optional(Type.String()),
  Force: force,
})
export const DeleteQuery = Type.Object({ Force: force })
export const ListQuery = Type.Object(pageQuery)

export const IpListWire = Type.Object({
  sid: sid('AL'),
  account_sid: sid('AC'),
  friendly_name: Type.String(),
  cidr: Type.String(),
  date_created: Type.String(),
  date_updated: Type.String(),
  url: Type.String(),
})

export function toIpListWire(entry: IpAccessList, { base }: Urls): Static<typeof IpListWire> {
  return {
    sid: entry.sid,
    account_sid: entry.accountSid,
    friendly_name: entry.friendlyName,
    cidr: entry.cidr,
    date_created: isoSeconds(entry.createdAtMs),
    date_updated: isoSeconds(entry.updatedAtMs),
    url: `${base}${PATH}/${entry.sid}`,
  }
}
