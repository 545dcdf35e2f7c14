import type { Static } from 'typebox'
import { isoSeconds, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { type Urls, urlsOfProduct } from '../../http/urls.ts'
import { MAX_FRIENDLY_NAME, MAX_SERVICE_NAME } from '../limits.ts'
import type { FunctionService } from './service.ts'

export const PATH = '/v1/Services'

export const friendlyName = Type.String({ minLength: 1, maxLength: MAX_FRIENDLY_NAME })
const flags = { IncludeCredentials: optional(Type.Boolean()), UiEditable: optional(Type.Boolean()) }

export const CreateBody = Type.Object({
  // What can stand in a path as it is.
  UniqueName: Type.String({ maxLength: MAX_SERVICE_NAME, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
  FriendlyName: friendlyName,
  ...flags,
})
export const UpdateBody = Type.Object({ FriendlyName: optional(friendlyName), ...flags })
export const ListQuery = Type.Object(pageQuery)

/** What all resources show of their times and place. */
export const common = {
  date_created: Type.String(),
  date_updated: Type.String(),
  url: Type.String(),
}

export const ServiceWire = Type.Object({
  sid: sid('ZS'),
  account_sid: sid('AC'),
  friendly_name: Type.String(),
  unique_name: Type.String(),
  include_credentials: Type.Boolean(),
  ui_editable: Type.Boolean(),
  domain_base: Type.String(),
  ...common,
  links: Type.Object({
    environments: Type.String(),
    functions: Type.String(),
    assets: Type.String(),
    builds: Type.String(),
  }),
})

/** Its address: also that of what was uploaded, which comes in by a host of its own. */
export const serviceUrl = (urls: Urls, serviceSid: string) =>
  `${urlsOfProduct(urls, 'serverless').base}${PATH}/${serviceSid}`

export function toServiceWire(service: FunctionService, urls: Urls): Static<typeof ServiceWire> {
  const url = serviceUrl(urls, service.sid)
  return {
    sid: service.sid,
    account_sid: service.accountSid,
    friendly_name: service.friendlyName,
    unique_name: service.uniqueName,
    include_credentials: service.includeCredentials,
    ui_editable: service.uiEditable,
    domain_base: service.domainBase,
    date_created: isoSeconds(service.createdAtMs),
    date_updated: isoSeconds(service.updatedAtMs),
    url,
    links: {
      environments: `${url}/Environments`,
      functions: `${url}/Functions`,
      assets: `${url}/Assets`,
      builds: `${url}/Builds`,
    },
  }
}
