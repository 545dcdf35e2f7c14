import type { Static, TObject } from 'typebox'
import { isoSeconds, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import { common, friendlyName, serviceUrl } from '../services/wire.ts'
import type { Resource, ResourceKind } from './resource.ts'

/** How functions and assets differ on the wire. */
export const NAMES = {
  function: { path: 'Functions', list: 'functions', versions: 'function_versions' },
  asset: { path: 'Assets', list: 'assets', versions: 'asset_versions' },
} as const satisfies Record<ResourceKind, object>

export const NameBody = Type.Object({ FriendlyName: friendlyName })
export const ListQuery = Type.Object(pageQuery)

const shape = <L extends TObject>(links: L) =>
  Type.Object({
    sid: sid('ZH'),
    account_sid: sid('AC'),
    service_sid: sid('ZS'),
    friendly_name: Type.String(),
    ...common,
    links,
  })

export const ResourceWire = {
  function: shape(Type.Object({ function_versions: Type.String() })),
  asset: shape(Type.Object({ asset_versions: Type.String() })),
}

export const resourceUrl = (urls: Urls, serviceSid: string, kind: ResourceKind, sid: string) =>
  `${serviceUrl(urls, serviceSid)}/${NAMES[kind].path}/${sid}`

export function toResourceWire(r: Resource, urls: Urls) {
  const url = resourceUrl(urls, r.serviceSid, r.kind, r.sid)
  return {
    sid: r.sid,
    account_sid: r.accountSid,
    service_sid: r.serviceSid,
    friendly_name: r.friendlyName,
    date_created: isoSeconds(r.createdAtMs),
    date_updated: isoSeconds(r.updatedAtMs),
    url,
    links: { [NAMES[r.kind].versions]: `${url}/Versions` },
  } as Static<(typeof ResourceWire)[ResourceKind]>
}
