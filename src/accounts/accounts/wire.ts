import type { Static } from 'typebox'
import { rfc2822 } from '../../http/paging-2010.ts'
import { friendlyName, nullable, oneOf, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Account } from './account.ts'

export const CreateBody = Type.Object({ FriendlyName: optional(friendlyName) })
export const UpdateBody = Type.Object({
  FriendlyName: optional(friendlyName),
  Status: optional(oneOf(['active', 'suspended', 'closed'])),
})
export const ListQuery = Type.Object({
  FriendlyName: optional(Type.String()),
  Status: optional(oneOf(['active', 'suspended', 'closed'])),
  ...pageQuery,
})

export const AccountWire = Type.Object({
  sid: sid('AC'),
  owner_account_sid: sid('AC'),
  auth_token: nullable(Type.String()),
  friendly_name: Type.String(),
  status: Type.String(),
  type: Type.String(),
  subresource_uris: Type.Record(Type.String(), Type.String()),
  uri: Type.String(),
  date_created: Type.String(),
  date_updated: Type.String(),
})

/** What an account has below it here, by the names of the real API. */
const SUBRESOURCES = {
  keys: 'Keys',
  signing_keys: 'SigningKeys',
  incoming_phone_numbers: 'IncomingPhoneNumbers',
  messages: 'Messages',
  outgoing_caller_ids: 'OutgoingCallerIds',
  usage: 'Usage',
}

/** `authToken` for who may see it: whoever holds the account's own token, or its parent's. */
export function toAccountWire(account: Account, authToken: string | null): Static<typeof AccountWire> {
  const path = `/2010-04-01/Accounts/${account.sid}`
  return {
    sid: account.sid,
    owner_account_sid: account.parentSid ?? account.sid,
    auth_token: authToken,
    friendly_name: account.friendlyName,
    status: account.status,
    type: account.kind,
    subresource_uris: Object.fromEntries(
      Object.entries(SUBRESOURCES).map(([name, part]) => [name, `${path}/${part}.json`]),
    ),
    uri: `${path}.json`,
    date_created: rfc2822(account.createdAtMs),
    date_updated: rfc2822(account.updatedAtMs),
  }
}
