import type { Static } from 'typebox'
import { isoSeconds, nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import { MAX_DOMAIN_SUFFIX, MAX_ENVIRONMENT_NAME } from '../limits.ts'
import { common, serviceUrl } from '../services/wire.ts'
import type { Environment } from './environment.ts'

export const CreateBody = Type.Object({
  UniqueName: Type.String({ minLength: 1, maxLength: MAX_ENVIRONMENT_NAME }),
  // A part of a domain; an empty one is none.
  DomainSuffix: optional(
    Type.String({ maxLength: MAX_DOMAIN_SUFFIX, pattern: '^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)?$' }),
  ),
})
export const ListQuery = Type.Object(pageQuery)

export const EnvironmentWire = Type.Object({
  sid: sid('ZE'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  build_sid: nullable(sid('ZB')),
  unique_name: Type.String(),
  domain_suffix: nullable(Type.String()),
  domain_name: Type.String(),
  ...common,
  links: Type.Object({ variables: Type.String(), deployments: Type.String(), logs: Type.String() }),
})

export const environmentUrl = (urls: Urls, serviceSid: string, sid: string) =>
  `${serviceUrl(urls, serviceSid)}/Environments/${sid}`

/** `domainName` is how whoever asks reaches it. */
export function toEnvironmentWire(
  e: Environment,
  urls: Urls,
  domainName: string,
): Static<typeof EnvironmentWire> {
  const url = environmentUrl(urls, e.serviceSid, e.sid)
  return {
    sid: e.sid,
    account_sid: e.accountSid,
    service_sid: e.serviceSid,
    build_sid: e.buildSid,
    unique_name: e.uniqueName,
    domain_suffix: e.domainSuffix,
    domain_name: domainName,
    date_created: isoSeconds(e.createdAtMs),
    date_updated: isoSeconds(e.updatedAtMs),
    url,
    links: { variables: `${url}/Variables`, deployments: `${url}/Deployments`, logs: `${url}/Logs` },
  }
}
