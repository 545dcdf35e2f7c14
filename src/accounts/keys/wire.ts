import type { Static } from 'typebox'
import { rfc2822 } from '../../http/paging-2010.ts'
import { friendlyName, jsonText, nullable, oneOf, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { ApiKey } from './key.ts'

const policy = jsonText(Type.Object({ allow: Type.Array(Type.String()) }))

export const KeyBody = Type.Object({ FriendlyName: optional(friendlyName) })
export const PageOfKeys = Type.Object(pageQuery)

export const IamCreateBody = Type.Object({
  AccountSid: sid('AC'),
  FriendlyName: optional(friendlyName),
  KeyType: optional(oneOf(['restricted', 'standard', 'main'])),
  Policy: optional(policy),
})
export const IamUpdateBody = Type.Object({ FriendlyName: optional(friendlyName), Policy: optional(policy) })
export const IamListQuery = Type.Object({ AccountSid: sid('AC'), ...pageQuery })

const key = {
  sid: sid('SK'),
  friendly_name: Type.String(),
  date_created: Type.String(),
  date_updated: Type.String(),
}

export const KeyWire = Type.Object(key)
export const NewKeyWire = Type.Object({ ...key, secret: Type.String() })
const PolicyWire = nullable(Type.Object({ allow: Type.Array(Type.String()) }))
export const IamListedKeyWire = Type.Object({ ...key, flags: Type.Array(Type.String()) })
export const IamKeyWire = Type.Object({ ...key, policy: PolicyWire })
export const IamNewKeyWire = Type.Object({ ...key, secret: Type.String(), policy: PolicyWire })

export function toKeyWire(k: ApiKey): Static<typeof KeyWire> {
  return {
    sid: k.sid,
    friendly_name: k.friendlyName,
    date_created: rfc2822(k.createdAtMs),
    date_updated: rfc2822(k.updatedAtMs),
  }
}
